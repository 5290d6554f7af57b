/// The program: daemons and commands.
public enum OrderflowApp {
    /// Runs what the command line names, and ends the process.
    public static func run() async {
        await Orderflow.main()
    }
}
