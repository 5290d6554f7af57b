import Orders

extension FactCatalogue {
    /// What shipping says.
    public static let shipping: FactCatalogue = [
        ShipmentCreated.self, ShipmentFailed.self, ShipmentDispatched.self, ShipmentCancelled.self,
    ]
}
