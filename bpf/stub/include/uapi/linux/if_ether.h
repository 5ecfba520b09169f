/* bcc asks for this file by name; nothing of it is needed here. */
