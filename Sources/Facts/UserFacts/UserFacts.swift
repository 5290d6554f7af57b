import Orders

extension FactCatalogue {
    /// What is said of users.
    public static let users: FactCatalogue = [
        UserCreated.self, AccountCreated.self,
    ]
}
