// swift-tools-version: 6.2
import PackageDescription

let kit = Target.Dependency.product(name: "OrderflowKit", package: "orderflow")
let testing = Target.Dependency.product(name: "OrderflowTesting", package: "orderflow")

let package = Package(
    name: "loyalty",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "orderflow", path: "../..")],
    targets: [
        .target(name: "Loyalty", dependencies: [kit]),
        .target(name: "ProductDays", dependencies: [kit]),
        .executableTarget(name: "shop", dependencies: ["Loyalty", "ProductDays", kit]),
        .testTarget(name: "LoyaltyTests", dependencies: ["Loyalty", "shop", testing]),
        .testTarget(name: "ProductDaysTests", dependencies: ["ProductDays", testing]),
    ])
