/* bcc asks for this file by name; this project needs none of a kernel's configuration. */
