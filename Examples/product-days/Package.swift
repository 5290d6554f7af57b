// swift-tools-version: 6.2
import PackageDescription

let kit = Target.Dependency.product(name: "OrderflowKit", package: "orderflow")

let package = Package(
    name: "product-days",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "orderflow", path: "../..")],
    targets: [
        .target(name: "ProductDays", dependencies: [kit]),
        .executableTarget(name: "product-days-shop", dependencies: ["ProductDays", kit]),
        .testTarget(
            name: "ProductDaysTests",
            dependencies: ["ProductDays", .product(name: "OrderflowTesting", package: "orderflow")]),
    ])
