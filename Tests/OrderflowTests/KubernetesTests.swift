import Foundation
import JSON
import TestSchemas
import Testing

@testable import OrderflowApp
@testable import OrderflowKit

/// `deploy/kubernetes`: what the API server would say of it, and whether its parts find each other.
@Suite struct KubernetesTests {
    private let documents: [JSONValue]
    /// KEDA's, which no schema of Kubernetes knows.
    private let scaling: [JSONValue]

    init() throws {
        let files = KubernetesDocument(OrderflowApp.services).files
        func read(_ files: [ProgramDocument.File]) throws -> [JSONValue] {
            try files.flatMap { try $0.text(over: nil).components(separatedBy: "\n---\n") }.map {
                try JSONValue(yaml: $0)
            }
        }
        let manifests = files.filter { !$0.path.hasSuffix("kustomization.yaml") }
        documents = try read(manifests.filter { !$0.path.contains("/scaling/") })
        scaling = try read(manifests.filter { $0.path.contains("/scaling/") })
    }

    private func all(_ kinds: String...) -> [JSONValue] { documents.filter { kinds.contains($0.kind) } }

    // MARK: Schemas

    private func check(_ arguments: String...) throws -> (status: Int32, said: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = DocumentsTests.root.appendingPathComponent("scripts/check-manifests")
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, said)
    }

    @Test func manifestsAreAsKubernetesHasThem() throws {
        let (status, said) = try check()
        #expect(status == 0, "\(said)")
    }

    @Test func aManifestThatIsNotIsFound() throws {
        let folder = NSTemporaryDirectory() + "/orderflow-manifests-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try DocumentFolder(path: folder).write(ProgramDocument.all(DocumentsTests.withLoyalty))
        #expect(try check(folder).status == 0)
        let path = folder + "/deploy/kubernetes/loyalty.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        // The others are good, as was just seen.
        for name in try FileManager.default.contentsOfDirectory(atPath: folder + "/deploy/kubernetes")
        where name.hasSuffix(".yaml") && name != "loyalty.yaml" {
            try FileManager.default.removeItem(atPath: folder + "/deploy/kubernetes/" + name)
        }
        try text.replacing("podManagementPolicy:", with: "podPolicy:").write(
            toFile: path, atomically: true, encoding: .utf8)
        let (status, said) = try check(folder)
        #expect(status != 0 && said.contains("podPolicy"), "\(said)")
    }

    /// KEDA 2's ScaledObject, as far as we use it: https://keda.sh/docs/2.17/reference/scaledobject-spec/
    private static let scaledObject = """
        type: object
        required: [apiVersion, kind, metadata, spec]
        additionalProperties: false
        properties:
          apiVersion: {const: keda.sh/v1alpha1}
          kind: {const: ScaledObject}
          metadata: {type: object}
          spec:
            type: object
            required: [scaleTargetRef, minReplicaCount, maxReplicaCount, triggers]
            additionalProperties: false
            properties:
              scaleTargetRef:
                type: object
                required: [apiVersion, kind, name]
                additionalProperties: false
                properties:
                  apiVersion: {const: apps/v1}
                  kind: {enum: [Deployment, StatefulSet]}
                  name: {type: string}
              minReplicaCount: {type: integer, minimum: 1}
              maxReplicaCount: {type: integer, minimum: 1}
              pollingInterval: {type: integer, minimum: 1}
              advanced: {type: object}
              triggers:
                type: array
                minItems: 1
                items:
                  oneOf:
                    - type: object
                      required: [type, metricType, metadata]
                      additionalProperties: false
                      properties:
                        type: {const: prometheus}
                        metricType: {enum: [AverageValue, Value]}
                        metadata:
                          type: object
                          required: [serverAddress, query, threshold]
                          additionalProperties: false
                          properties:
                            serverAddress: {type: string}
                            query: {type: string}
                            threshold: {type: string}
                    - type: object
                      required: [type, metricType, metadata]
                      additionalProperties: false
                      properties:
                        type: {const: cpu}
                        metricType: {enum: [Utilization, AverageValue]}
                        metadata:
                          type: object
                          required: [value]
                          additionalProperties: false
                          properties:
                            value: {type: string}
                            containerName: {type: string}
        """

    @Test func scalingIsAsKEDAHasIt() throws {
        let schema = try JSONValue(yaml: Self.scaledObject)
        #expect(scaling.count == OrderflowApp.services.modules.count)
        let workloads = Set(all("Deployment", "StatefulSet").map { "\($0.kind) \($0.name)" })
        for object in scaling {
            let flaws = JSONSchema(in: schema).flaws(of: object, by: schema)
            #expect(flaws.isEmpty, "\(object.name)")
            let target = object["spec"]?["scaleTargetRef"]
            #expect(workloads.contains("\(target?["kind"]?.string ?? "") \(target?["name"]?.string ?? "")"))
        }
        // No member more than there are partitions.
        let most = scaling.filter { $0["spec"]?["scaleTargetRef"]?["kind"]?.string == "StatefulSet" }
            .compactMap { $0["spec"]?["maxReplicaCount"]?.number?.double }
        #expect(Set(most) == [6])
    }

    // MARK: What belongs together

    @Test func everyRoleHasItsPods() throws {
        let front = all("Deployment").map(\.name)
        let consumers = all("StatefulSet").map(\.name)
        #expect(front == ["orderflow-api", "orderflow-query"])
        #expect(Set(front + consumers) == Set(OrderflowApp.services.names.map { "orderflow-\($0)" }))
        let services = Set(all("Service").map(\.name))
        let budgets = Set(all("PodDisruptionBudget").map(\.name))
        for workload in all("Deployment", "StatefulSet") {
            #expect(services.contains(workload.name) && budgets.contains(workload.name))
            let spec = workload["spec"]
            if let name = spec?["serviceName"]?.string { #expect(services.contains(name)) }
            #expect(spec?["replicas"] == nil)
        }
    }

    @Test func whatSelectsFindsPods() throws {
        let pods = all("Deployment", "StatefulSet").compactMap {
            $0["spec"]?["template"]?["metadata"]?["labels"]?.texts
        }
        for document in all("Service", "PodDisruptionBudget", "Deployment", "StatefulSet") {
            let selector = document["spec"]?["selector"]
            let wanted = try #require((selector?["matchLabels"] ?? selector)?.texts)
            let found = pods.filter { labels in wanted.allSatisfy { labels[$0.key] == $0.value } }
            #expect(
                found.count == (document.name == "orderflow-pods" ? pods.count : 1), "\(document.kind) \(document.name)"
            )
        }
    }

    @Test func settingsExistAndRolesFindEachOther() throws {
        let map = try #require(all("ConfigMap").first { $0.name == "orderflow" }?["data"]?.texts)
        for workload in all("Deployment", "StatefulSet", "Job") {
            for container in workload.containers where container["image"]?.string == KubernetesDocument.image {
                var environment = map
                for variable in container["env"]?.array ?? [] {
                    environment[try #require(variable["name"]?.string)] = "\(workload.name)-0"
                }
                let loaded = try SettingsSources(
                    OrderflowApp.services,
                    configPath: DocumentsTests.root.appendingPathComponent("config/orderflow.yaml").path,
                    environment: environment, flags: []
                ).load()
                let settings = loaded.settings
                #expect(OrderflowApp.services.modules.allSatisfy { settings.port(of: $0) == 3000 })
                let services = Set(all("Service").map { "http://\($0.name):3000" })
                #expect(settings.dashboard.roles.allSatisfy { services.contains($0.url) })
                #expect(settings.dashboard.roles.count == OrderflowApp.services.modules.count - 1)
                #expect(map["ORDERFLOW_SAGA_URL"].map(services.contains) == true)
                if workload.kind != "Job" { #expect(settings.kafka.instance == "\(workload.name)-0") }
            }
        }
    }

    @Test func podsEndInTime() throws {
        for workload in all("Deployment", "StatefulSet") {
            let pod = try #require(workload["spec"]?["template"]?["spec"])
            let container = try #require(pod["containers"]?.array?.first)
            let grace = try #require(pod["terminationGracePeriodSeconds"]?.number?.double)
            let drain = try #require(container["lifecycle"]?["preStop"]?["sleep"]?["seconds"]?.number?.double)
            let deadline = Settings(OrderflowApp.services).shutdown.deadline
            #expect(Duration.seconds(grace) > .seconds(drain) + deadline, "\(workload.name)")
            let paths = ["startupProbe", "livenessProbe", "readinessProbe"].map {
                container[$0]?["httpGet"]?["path"]?.string
            }
            #expect(paths == ["/livez", "/livez", "/readyz"])
        }
    }

    @Test func podsMayDoLittle() throws {
        for workload in all("Deployment", "StatefulSet", "Job") {
            let pod = try #require(workload["spec"]?["template"]?["spec"])
            #expect(pod["enableServiceLinks"]?.bool == false && pod["automountServiceAccountToken"]?.bool == false)
            #expect(pod["securityContext"]?["runAsNonRoot"]?.bool == true)
            let volumes = Set((pod["volumes"]?.array ?? []).compactMap { $0["name"]?.string })
            for container in workload.containers {
                let security = container["securityContext"]
                #expect(security?["readOnlyRootFilesystem"]?.bool == true)
                #expect(security?["allowPrivilegeEscalation"]?.bool == false)
                #expect(container["resources"]?["requests"] != nil && container["resources"]?["limits"] != nil)
                // No image without a version.
                #expect(container["image"]?.string?.contains(/:\d+\.\d+\.\d+$/) == true)
                for mount in container["volumeMounts"]?.array ?? [] {
                    #expect(volumes.contains(mount["name"]?.string ?? ""), "\(workload.name)")
                }
            }
        }
        // Mails without a server are files.
        let notification = try #require(all("StatefulSet").first { $0.name == "orderflow-notification" })
        let mounts = notification.containers.last?["volumeMounts"]?.array?.compactMap { $0["mountPath"]?.string }
        #expect(mounts == ["/tmp", "/var/lib/orderflow"])
    }

    @Test func noSecretIsInAFile() throws {
        #expect(all("Secret").isEmpty)
        for map in all("ConfigMap") {
            let texts = map["data"]?.texts ?? [:]
            #expect(texts["ORDERFLOW_DATABASE_URL"] == nil, "\(map.name)")
            for key in OrderflowApp.services.settings.keys {
                guard let text = texts[key.environmentName] else { continue }
                // An address may stand there, without anything in it that others mustn't see.
                #expect(!key.holdsSecret(text), "\(map.name): \(key.name)")
            }
        }
    }

    @Test func theCollectorTakesWhatRolesSend() throws {
        let map = try #require(all("ConfigMap").first { $0.name == CollectorManifest.name }?["data"]?.texts)
        let configuration = try JSONValue(yaml: try #require(map["config.yaml"]))
        let endpoint = configuration["receivers"]?["otlp"]?["protocols"]?["http"]?["endpoint"]?.string
        let settings = try #require(all("ConfigMap").first { $0.name == "orderflow" }?["data"]?.texts)
        #expect(settings["ORDERFLOW_TELEMETRY_OTLP_ENDPOINT"] == endpoint.map { "http://" + $0 })
        for (kind, part) in [("receivers", "receivers"), ("processors", "processors"), ("exporters", "exporters")] {
            let defined = Set(configuration[part]?.object?.members.map(\.name) ?? [])
            let used = configuration["service"]?["pipelines"]?["traces"]?[kind]?.array?.compactMap(\.string) ?? []
            #expect(Set(used) == defined && !used.isEmpty)
        }
    }
}

extension JSONValue {
    fileprivate var kind: String { self["kind"]?.string ?? "" }
    fileprivate var name: String { self["metadata"]?["name"]?.string ?? "" }

    /// An object of strings.
    fileprivate var texts: [String: String]? {
        object.map { object in
            object.members.reduce(into: [:]) { texts, member in texts[member.name] = member.value.string }
        }
    }

    /// Of a workload, those that run first included.
    fileprivate var containers: [JSONValue] {
        let pod = self["spec"]?["template"]?["spec"]
        return (pod?["initContainers"]?.array ?? []) + (pod?["containers"]?.array ?? [])
    }
}
