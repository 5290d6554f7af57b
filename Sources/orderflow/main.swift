import OrderflowApp

await OrderflowApp.run()
