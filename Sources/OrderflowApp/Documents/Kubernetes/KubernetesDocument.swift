import OrderflowKit

/// `deploy/kubernetes`: plain manifests, to be applied with or without kustomize; Kubernetes 1.30 or newer.
struct KubernetesDocument {
    static let folder = "deploy/kubernetes"
    /// Every pod has its own address: one port for all of them.
    static let port = 3000
    static let image = "orderflow:\(OrderflowVersion.current)"
    /// The user of the image, by Dockerfile.
    static let user = 10_001
    /// What the manifests don't set is as the program has it.
    static let defaults = Settings(ServiceCatalogue([]))
    private let services: ServiceCatalogue

    init(_ services: ServiceCatalogue) { self.services = services }

    var files: [ProgramDocument.File] {
        let roles = services.modules.map { ("\($0.name).yaml", RoleManifest($0).text) }
        let common = [
            ("configuration.yaml", ConfigurationManifest(services).text), ("collector.yaml", CollectorManifest.text),
            ("discovery.yaml", DiscoveryManifest.text), ("prepare.yaml", PreparationManifest.text),
        ]
        let scaling = services.modules.map { ("\($0.name).yaml", ScalingManifest($0).text) }
        let resources = common + roles
        let all =
            [("kustomization.yaml", Self.kustomization(resources.map(\.0)))] + resources
            + ([("kustomization.yaml", Self.scalingKustomization(scaling.map(\.0)))] + scaling)
            .map { ("scaling/" + $0.0, $0.1) }
        return all.map { name, text in
            ProgramDocument.File(
                path: "\(Self.folder)/\(name)", content: .whole(ProgramDocument.notice("kubernetes") + text))
        }
    }

    /// What a role is called as a Deployment or StatefulSet, a Service, a pod's prefix and a Secret.
    static func name(of role: String) -> String { "orderflow-\(role)" }

    static func labels(of role: String) -> String {
        "{app.kubernetes.io/name: orderflow, app.kubernetes.io/component: \(role)}"
    }

    /// Of a container that writes nothing but what is mounted, as a user that owns nothing.
    static let containerSecurity = """
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}

        """

    static let podSecurity = """
        # No ORDERFLOW_…_PORT and the like beside the settings.
        enableServiceLinks: false
        automountServiceAccountToken: false
        securityContext:
          runAsNonRoot: true
          runAsUser: \(user)
          seccompProfile: {type: RuntimeDefault}

        """

    /// Settings of all, then of one. A role's own Secret comes last and may be absent.
    static func settings(of role: String) -> String {
        """
        envFrom:
          - configMapRef: {name: orderflow}
          - secretRef: {name: orderflow}
          - secretRef: {name: \(name(of: role)), optional: true}

        """
    }

    private static func kustomization(_ resources: [String]) -> String {
        """
        apiVersion: kustomize.config.k8s.io/v1beta1
        kind: Kustomization
        resources:
        \(list(resources))
        """
    }

    private static func scalingKustomization(_ resources: [String]) -> String {
        """
        # Needs KEDA: not part of what ../kustomization.yaml applies.
        apiVersion: kustomize.config.k8s.io/v1beta1
        kind: Kustomization
        resources:
        \(list(resources))
        """
    }

    private static func list(_ resources: [String]) -> String { resources.map { "  - \($0)\n" }.joined() }
}
