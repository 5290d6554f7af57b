import OrderflowApp
import ProductDays

await OrderflowApp.run(.standard + [.productDays])
