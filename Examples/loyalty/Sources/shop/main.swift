import Loyalty
import OrderflowApp

await OrderflowApp.run(.standard + [.loyalty])
