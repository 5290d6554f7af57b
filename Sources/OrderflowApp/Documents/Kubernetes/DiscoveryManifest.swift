/// Every pod by its own name and address: for what scrapes them, and for the names of StatefulSets.
enum DiscoveryManifest {
    static let name = "orderflow-pods"

    static var text: String {
        """
        # Every pod, ready or not: for what scrapes them, and for the names of the StatefulSets' pods.
        apiVersion: v1
        kind: Service
        metadata:
          name: \(name)
          labels: {app.kubernetes.io/name: orderflow}
        spec:
          clusterIP: None
          publishNotReadyAddresses: true
          selector: {app.kubernetes.io/name: orderflow, orderflow/serves: http}
          ports:
            - {name: http, port: \(KubernetesDocument.port), targetPort: http}

        """
    }
}
