import OrderflowKit

/// How many pods a role has: a ScaledObject of KEDA.
///
/// Consumers are scaled by the work before them, in seconds of one process: messages that wait, times the seconds of
/// transaction that a message takes. Messages alone say nothing (a projection folds ten thousand in a second, a gateway
/// makes one wait), and throughput alone shows what came, not what could be done. A second trigger keeps what the present
/// load needs: the seconds of transaction in each second, which is the number of processes at work.
struct ScalingManifest {
    /// Seconds of work before each process; the dashboard calls more of it slow.
    private static let workSeconds = 15
    /// Of a process's time.
    private static let utilisation = 0.7
    /// One goes on where the machine of the other fails: a pod of a StatefulSet isn't replaced before its machine is
    /// known to be gone.
    private static let least = 2
    private static let mostFrontEnds = 10
    private static let serverAddress = "http://prometheus:9090"
    private let module: ServiceModule

    init(_ module: ServiceModule) { self.module = module }

    var text: String {
        let name = KubernetesDocument.name(of: module.name)
        return """
            apiVersion: keda.sh/v1alpha1
            kind: ScaledObject
            metadata:
              name: \(name)
              labels: \(KubernetesDocument.labels(of: module.name))
            spec:
              scaleTargetRef:
                apiVersion: apps/v1
                kind: \(module.isFrontEnd ? "Deployment" : "StatefulSet")
                name: \(name)
              minReplicaCount: \(Self.least)
            \(YAMLText.indented(most, by: 2))\
              pollingInterval: 15
              advanced:
                horizontalPodAutoscalerConfig:
                  behavior:
                    # A change of members moves partitions: up at once, down after ten quiet minutes.
                    scaleDown: {stabilizationWindowSeconds: 600}
              triggers:
            \(YAMLText.indented(triggers, by: 4))
            """
    }

    private var most: String {
        module.isFrontEnd
            ? "maxReplicaCount: \(Self.mostFrontEnds)\n"
            : "# topics.partitions: more members than that stand by.\nmaxReplicaCount: \(KubernetesDocument.defaults.topics.partitions)\n"
    }

    private var triggers: String {
        if module.isFrontEnd {
            return """
                - type: cpu
                  metricType: Utilization
                  metadata: {value: "\(Int(Self.utilisation * 100))", containerName: orderflow}

                """
        }
        return module.groups.map { group in
            "# \(group.name): seconds of work before one process.\n"
                + Self.trigger(Self.work(before: group.name), threshold: "\(Self.workSeconds)")
                + "# \(group.name): processes at work.\n"
                + Self.trigger(Self.busy(group.name), threshold: "\(Self.utilisation)")
        }.joined()
    }

    private static func trigger(_ query: String, threshold: String) -> String {
        """
        - type: prometheus
          metricType: AverageValue
          metadata:
            serverAddress: \(serverAddress)
            threshold: "\(threshold)"
            query: |
        \(YAMLText.indented(query, by: 6))

        """
    }

    /// Nothing handled in five minutes is 0: more members are no help to a group that stands still.
    static func work(before group: String) -> String {
        """
        sum(orderflow_consumer_lag_messages{group="\(group)"})
        * \(busy(group))
        / clamp_min(sum(rate(orderflow_consumer_messages_total{group="\(group)"}[5m])), 0.01)
        """
    }

    static func busy(_ group: String) -> String {
        #"sum(rate(orderflow_consumer_transaction_seconds_sum{group="\#(group)"}[5m]))"#
    }
}
