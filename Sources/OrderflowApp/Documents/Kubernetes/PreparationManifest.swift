/// The job that makes databases, schemas and topics. Roles wait for it by themselves: /readyz says what is missing.
enum PreparationManifest {
    static var text: String {
        """
        # Databases, schemas and topics; safe to run again. Before an update: kubectl delete job orderflow-prepare, since a
        # Job's image can't be changed.
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: orderflow-prepare
          labels: \(KubernetesDocument.labels(of: "prepare"))
        spec:
          backoffLimit: 6
          activeDeadlineSeconds: 1800
          ttlSecondsAfterFinished: 3600
          template:
            metadata:
              labels: \(KubernetesDocument.labels(of: "prepare"))
            spec:
              restartPolicy: OnFailure
        \(YAMLText.indented(KubernetesDocument.podSecurity, by: 6))\
              initContainers:
                - name: databases
                  command: [orderflow, migrate, --wait, 5m]
        \(YAMLText.indented(common, by: 10))\
              containers:
                - name: topics
                  command: [orderflow, topics, create, --wait, 5m]
        \(YAMLText.indented(common, by: 10))
        """
    }

    private static var common: String {
        """
        image: \(KubernetesDocument.image)
        \(KubernetesDocument.settings(of: "prepare"))\
        resources:
          requests: {cpu: 50m, memory: 64Mi}
          limits: {memory: 256Mi}
        \(KubernetesDocument.containerSecurity)
        """
    }
}
