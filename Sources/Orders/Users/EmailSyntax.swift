/// What an e-mail address looks like here.
public enum EmailSyntax {
    /// Whether `text` can stand in a mail's header as it is: `left@right` without quotes, comments or blanks, a subset
    /// of RFC 5322 §3.4.1. Whether mail is read there is the mail server's to say.
    public static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            && text.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0.value != 0x7F && !"<>,;:\"()[]\\".unicodeScalars.contains($0)
            }
    }

    /// Whether `text` as it is, nothing added or left out, can stand left of the `@` on every mail server: letters,
    /// digits and `._-+` of ASCII, dots only between others (RFC 5321 §4.1.2 `Dot-string`, a subset), 64 bytes at most
    /// (§4.5.3.1.1). Another spelling would be another mailbox, maybe another person's.
    public static func isLocalPart(_ text: String) -> Bool {
        text.utf8.count <= 64
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
                !atom.isEmpty
                    && atom.utf8.allSatisfy { byte in
                        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                            || "_-+".utf8.contains(byte)
                    }
            }
    }
}
