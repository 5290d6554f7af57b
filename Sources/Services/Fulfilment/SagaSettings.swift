import OrderflowKit

extension Settings.Saga {
    /// As the service has it.
    package var configuration: SagaService.Configuration {
        var configuration = SagaService.Configuration()
        configuration.mode = mode
        configuration.patience.stock = stockDeadline
        configuration.patience.payment = paymentDeadline
        configuration.patience.shipment = shipmentDeadline
        configuration.patience.compensation = retry
        configuration.patience.order = retry
        return configuration
    }
}
