import Loyalty
import OrderflowApp
import ProductDays

await OrderflowApp.run(.standard + [.loyalty, .productDays])
