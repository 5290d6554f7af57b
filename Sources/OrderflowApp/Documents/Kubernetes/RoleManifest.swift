import OrderflowKit

/// A role: its pods, the Service by which others find it, and how many pods may be taken away at once.
///
/// A role that consumes is a StatefulSet: its pods have names that last, so that one that is restarted, on whatever
/// machine, is the same member of its consumer group and goes on with its partitions at once (KIP-345).
struct RoleManifest {
    /// Seconds that a pod goes on as before while it is taken out of its Service.
    private static let drainSeconds = 5
    private let module: ServiceModule

    init(_ module: ServiceModule) { self.module = module }

    var text: String { YAMLText.documents([workload, service, budget]) }

    private var name: String { KubernetesDocument.name(of: module.name) }
    private var labels: String { KubernetesDocument.labels(of: module.name) }

    private var workload: String {
        """
        # \(module.name) \(module.summary).
        apiVersion: apps/v1
        kind: \(module.isFrontEnd ? "Deployment" : "StatefulSet")
        metadata:
          name: \(name)
          labels: \(labels)
        spec:
          # No replicas: scaling/ has them, or kubectl scale.
        \(YAMLText.indented(module.isFrontEnd ? Self.deployment : Self.statefulSet, by: 2))\
          selector:
            matchLabels: \(labels)
          template:
            metadata:
              labels:
                app.kubernetes.io/name: orderflow
                app.kubernetes.io/component: \(module.name)
                orderflow/serves: http
            spec:
              # Longer than preStop (\(Self.drainSeconds)s) and shutdown.deadline (\(DurationText.write(Self.deadline))) together.
              terminationGracePeriodSeconds: \(Self.graceSeconds)
        \(YAMLText.indented(KubernetesDocument.podSecurity, by: 6))\
              topologySpreadConstraints:
                - maxSkew: 1
                  topologyKey: kubernetes.io/hostname
                  whenUnsatisfiable: ScheduleAnyway
                  labelSelector:
                    matchLabels: \(labels)
              initContainers:
        \(YAMLText.indented(CollectorManifest.sidecar, by: 8))\
              containers:
        \(YAMLText.indented(container, by: 8))\
              volumes:
                - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
        \(YAMLText.indented((writesFiles ? Self.filesVolume : "") + CollectorManifest.volume, by: 8))
        """
    }

    private static let deployment = """
        strategy:
          rollingUpdate: {maxSurge: 1, maxUnavailable: 0}

        """

    private static let statefulSet = """
        serviceName: \(DiscoveryManifest.name)
        podManagementPolicy: Parallel

        """

    private var container: String {
        """
        - name: orderflow
          image: \(KubernetesDocument.image)
          command: [orderflow, \(module.name)]
        \(YAMLText.indented(KubernetesDocument.settings(of: module.name), by: 2))\
          env:
            - name: ORDERFLOW_KAFKA_INSTANCE
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
          ports:
            - {name: http, containerPort: \(KubernetesDocument.port)}
        \(YAMLText.indented(Self.probes, by: 2))\
          lifecycle:
            preStop: {sleep: {seconds: \(Self.drainSeconds)}}
          resources:
            requests: {cpu: 250m, memory: 128Mi}
            limits: {memory: 768Mi}
        \(YAMLText.indented(KubernetesDocument.containerSecurity, by: 2))\
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
        \(writesFiles ? "    - {name: files, mountPath: /var/lib/orderflow}\n" : "")
        """
    }

    /// A server that is away makes a role unready, and is no reason to restart it.
    private static let probes = """
        startupProbe:
          httpGet: {path: /livez, port: http}
          periodSeconds: 1
          failureThreshold: 60
        livenessProbe:
          httpGet: {path: /livez, port: http}
          periodSeconds: 10
          timeoutSeconds: 5
          failureThreshold: 6
        readinessProbe:
          httpGet: {path: /readyz, port: http}
          periodSeconds: 5
          timeoutSeconds: 3
          failureThreshold: 2

        """

    /// Whether a setting names a place to write to, which is relative to the image's working directory.
    private var writesFiles: Bool {
        module.settings.contains { $0.expected == SettingFormat<String>.path.expected }
    }

    private static let filesVolume = "- {name: files, emptyDir: {sizeLimit: 1Gi}}\n"

    private static var deadline: Duration { KubernetesDocument.defaults.shutdown.deadline }

    static var graceSeconds: Int { drainSeconds + Int(deadline.components.seconds) + 15 }

    /// The dashboard reads counters of one pod of each consumer: those of another pod would be no continuation. Clients
    /// of a front end are shared out.
    private var service: String {
        """
        apiVersion: v1
        kind: Service
        metadata:
          name: \(name)
          labels: \(labels)
        spec:
          selector: \(labels)
          sessionAffinity: \(module.isFrontEnd ? "None" : "ClientIP")
          ports:
            - {name: http, port: \(KubernetesDocument.port), targetPort: http, appProtocol: http}

        """
    }

    private var budget: String {
        """
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata:
          name: \(name)
          labels: \(labels)
        spec:
          maxUnavailable: 1
          # What isn't ready does no work that an eviction could interrupt.
          unhealthyPodEvictionPolicy: AlwaysAllow
          selector:
            matchLabels: \(labels)

        """
    }
}
