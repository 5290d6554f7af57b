import OrderflowApp

await OrderflowApp.run(.standard)
