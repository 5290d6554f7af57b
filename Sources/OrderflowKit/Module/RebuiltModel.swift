import Messaging
import Orders

/// A read model that `orderflow replay --into` can make anew.
public struct RebuiltModel: ServiceModulePart, Sendable {
    /// What operators call it; several where models are kept, and so rebuilt, together.
    public let names: [String]
    package let make: @Sendable (Topics, FactCatalogue) -> ReadModel

    /// - Parameter make: of the topics' names and all facts of the installation.
    public init(_ names: String..., make: @escaping @Sendable (Topics, FactCatalogue) -> ReadModel) {
        self.names = names
        self.make = make
    }

    public func join(_ module: inout ServiceModule) { module.readModels.append(self) }
}
