import Orders

extension FactCatalogue {
    /// What notification says.
    public static let notification: FactCatalogue = [
        NotificationSent.self,
    ]
}
