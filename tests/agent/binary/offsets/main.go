// Command offsets prints the byte offsets of fields inside structs of a Go release, as its own
// compiler lays them out, read from the sources under a GOROOT.
//
// usage: offsets GOROOT MINOR ARCH package:Type.field[.field...] ...
//
// One line per argument: the offset, or "absent".
package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

type sources struct {
	context build.Context
	files   *token.FileSet
	sizes   types.Sizes
	checked map[string]*types.Package
}

func (s *sources) Import(path string) (*types.Package, error) {
	return s.ImportFrom(path, "", 0)
}

func (s *sources) ImportFrom(path, dir string, _ types.ImportMode) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	found, err := s.context.Import(path, dir, 0)
	if err != nil {
		return nil, err
	}
	if known := s.checked[found.ImportPath]; known != nil {
		return known, nil
	}
	var parsed []*ast.File
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(s.files, filepath.Join(found.Dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, file)
	}
	// Errors are let pass: a source may be newer than this type checker, and an offset that could
	// not be computed shows as "absent".
	config := types.Config{
		Importer: s, Sizes: s.sizes, IgnoreFuncBodies: true, Error: func(error) {},
	}
	checked, _ := config.Check(found.ImportPath, s.files, parsed, nil)
	s.checked[found.ImportPath] = checked
	return checked, nil
}

func (s *sources) offset(field string) string {
	path, rest, _ := strings.Cut(field, ":")
	names := strings.Split(rest, ".")
	checked, err := s.Import(path)
	if err != nil {
		return "absent"
	}
	object := checked.Scope().Lookup(names[0])
	if object == nil {
		return "absent"
	}
	total, inside := int64(0), object.Type()
	for _, name := range names[1:] {
		structure, ok := inside.Underlying().(*types.Struct)
		if !ok {
			return "absent"
		}
		at, fields := -1, []*types.Var{}
		for i := 0; i < structure.NumFields(); i++ {
			fields = append(fields, structure.Field(i))
			if structure.Field(i).Name() == name {
				at = i
			}
		}
		if at < 0 {
			return "absent"
		}
		total += s.sizes.(interface {
			Offsetsof([]*types.Var) []int64
		}).Offsetsof(fields)[at]
		inside = fields[at].Type()
	}
	return strconv.FormatInt(total, 10)
}

func main() {
	root, arch := os.Args[1], os.Args[3]
	minor, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	context := build.Default
	context.GOROOT, context.GOOS, context.GOARCH, context.CgoEnabled = root, "linux", arch, false
	context.Compiler, context.GOPATH, context.ReleaseTags = "gc", "", nil
	for release := 1; release <= minor; release++ {
		context.ReleaseTags = append(context.ReleaseTags, fmt.Sprintf("go1.%d", release))
	}
	s := &sources{
		context, token.NewFileSet(), types.SizesFor("gc", arch), map[string]*types.Package{},
	}
	for _, field := range os.Args[4:] {
		fmt.Println(s.offset(field))
	}
}
