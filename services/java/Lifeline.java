/** Ends this process at once when the process that started it is gone, so that no server outlives its tests. */
final class Lifeline {
    private Lifeline() {}

    /** Watches the parent where the property sluice.parent holds its process id; does nothing where it is unset. */
    static void hold() {
        String parent = System.getProperty("sluice.parent");
        if (parent == null) {
            return;
        }
        long expected = Long.parseLong(parent);
        Thread watch = new Thread(() -> {
            // An orphan is given another parent by the system, even while the dead one is not yet reaped.
            while (ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(-1L) == expected) {
                try {
                    Thread.sleep(500);
                } catch (InterruptedException e) {
                    return;
                }
            }
            Runtime.getRuntime().halt(143);
        }, "lifeline");
        watch.setDaemon(true);
        watch.start();
    }
}
