/// What an e-mail address looks like here.
public enum EmailSyntax {
    /// Whether `text` can stand in a mail's header as it is: `left@right` without quotes, comments or blanks, a subset
    /// of RFC 5322 §3.4.1. Whether somebody reads mails there is the mail server's to say.
    public static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
            && text.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0.value != 0x7F && !"<>,;:\"()[]\\".unicodeScalars.contains($0)
            }
    }
}
