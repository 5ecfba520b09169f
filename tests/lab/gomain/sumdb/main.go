// Command sumdb is a checksum database (golang.org/x/mod/sumdb) over a directory in GOPROXY layout.
//
// Every start over the same directory gives the same key and the same tree, because the go command
// remembers the tree head it saw last. The first line of output is the verifier key for GOSUMDB,
// the second says that it listens.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"
)

// The hash of nothing: well formed, and of no module.
const wrongHash = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

func main() {
	log.SetFlags(0)
	name := flag.String("name", "sum.lab.test", "name in the signed tree")
	modules := flag.String("modules", "", "directory in GOPROXY layout")
	address := flag.String("address", "127.0.0.1:8081", "where to listen")
	certificate := flag.String("tls-cert", "", "PEM chain; without it plain HTTP")
	key := flag.String("tls-key", "", "PEM key")
	wrong := flag.String("wrong", "", "module@version whose zip gets a wrong hash")
	keyOnly := flag.Bool("key", false, "print the verifier key and stop")
	flag.Parse()

	signer, verifier, err := keys(*name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(verifier)
	if *keyOnly {
		return
	}
	server, err := load(os.DirFS(*modules), *modules, signer, *wrong)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	if *certificate == "" {
		log.Fatal(http.Serve(listener, server))
	}
	log.Fatal(http.ServeTLS(listener, server, *certificate, *key))
}

// keys derives the pair from the name: a test server has nothing to keep secret.
func keys(name string) (signer, verifier string, err error) {
	seed := sha256.Sum256([]byte("modpulse test " + name))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	verifier, err = note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return "", "", err
	}
	hash := strings.SplitN(strings.TrimPrefix(verifier, name+"+"), "+", 2)[0]
	const algorithmEd25519 = 1
	secret := base64.StdEncoding.EncodeToString(append([]byte{algorithmEd25519}, seed[:]...))
	return fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, hash, secret), verifier, nil
}

// load adds every module version that has a .mod file, sorted, so that the tree is always the same.
func load(tree fs.FS, root, signer, wrong string) (http.Handler, error) {
	versions, err := list(tree)
	if err != nil {
		return nil, err
	}
	ops := sumdb.NewTestServer(signer, func(path, version string) ([]byte, error) {
		return lines(root, module.Version{Path: path, Version: version}, wrong)
	})
	for _, version := range versions {
		if _, err := ops.Lookup(nil, version); err != nil {
			return nil, fmt.Errorf("%s: %w", version, err)
		}
	}
	return sumdb.NewServer(ops), nil
}

func list(tree fs.FS) ([]module.Version, error) {
	var versions []module.Version
	err := fs.WalkDir(tree, ".", func(path string, _ fs.DirEntry, err error) error {
		escapedPath, file, found := strings.Cut(path, "/@v/")
		if err != nil || !found || filepath.Ext(file) != ".mod" {
			return err
		}
		modulePath, err := module.UnescapePath(escapedPath)
		if err != nil {
			return err
		}
		version, err := module.UnescapeVersion(strings.TrimSuffix(file, ".mod"))
		versions = append(versions, module.Version{Path: modulePath, Version: version})
		return err
	})
	slices.SortFunc(versions, func(a, b module.Version) int {
		return strings.Compare(a.String(), b.String())
	})
	return versions, err
}

// lines are the go.sum lines of a version; a version without a zip has only that of its go.mod.
func lines(root string, version module.Version, wrong string) ([]byte, error) {
	escapedPath, err := module.EscapePath(version.Path)
	if err != nil {
		return nil, err
	}
	escapedVersion, err := module.EscapeVersion(version.Version)
	if err != nil {
		return nil, err
	}
	base := filepath.Join(root, filepath.FromSlash(escapedPath), "@v", escapedVersion)
	text, err := os.ReadFile(base + ".mod")
	if err != nil {
		return nil, err
	}
	modHash, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	})
	if err != nil {
		return nil, err
	}
	modLine := fmt.Sprintf("%s %s/go.mod %s\n", version.Path, version.Version, modHash)
	zipHash, err := dirhash.HashZip(base+".zip", dirhash.Hash1)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte(modLine), nil
	}
	if err != nil {
		return nil, err
	}
	if version.String() == wrong {
		zipHash = wrongHash
	}
	return fmt.Appendf(nil, "%s %s %s\n%s", version.Path, version.Version, zipHash, modLine), nil
}
