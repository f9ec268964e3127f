import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.master.HMaster;

/**
 * One JVM with ZooKeeper, HBase's master, a region server and both Thrift servers: HBaseLocal THRIFT_PORT THRIFT2_PORT.
 *
 * The Thrift ports open when HBase is ready, on the address of the property sluice.bind, or this machine's own.
 * TERM shuts down in order; data survive KILL too.
 */
public final class HBaseLocal {
    private static final long START_SECONDS = 120;
    private static final long STOP_SECONDS = 25;

    private HBaseLocal() {}

    public static void main(String[] arguments) throws Exception {
        Lifeline.hold();
        Thread master = daemon("hbase", () -> HMaster.main(new String[] {"start"}));
        Configuration conf = HBaseConfiguration.create();
        conf.setInt("hbase.client.retries.number", 3);
        awaitReady(conf, master);
        System.out.println("HBase is ready");
        stopInOrder(conf);
        daemon("thrift2", () -> org.apache.hadoop.hbase.thrift2.ThriftServer.main(thrift(arguments[1])));
        org.apache.hadoop.hbase.thrift.ThriftServer.main(thrift(arguments[0]));
    }

    private static String[] thrift(String port) {
        return new String[] {"start", "-p", port, "-b", System.getProperty("sluice.bind", "127.0.0.1")};
    }

    private static void awaitReady(Configuration conf, Thread master) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (true) {
            try (Connection connection = ConnectionFactory.createConnection(conf); Admin admin = connection.getAdmin()) {
                if (admin.isTableAvailable(TableName.valueOf("hbase:namespace"))
                        && admin.listNamespaces().length >= 2) {
                    return;
                }
            } catch (Exception e) {
                if (System.nanoTime() > end) {
                    throw e;
                }
            }
            if (!master.isAlive()) {
                throw new IllegalStateException("the master stopped");
            }
            Thread.sleep(100);
        }
    }

    /** HBase's own shutdown hooks run side by side in one JVM and can wait on a ZooKeeper that is gone. */
    private static void stopInOrder(Configuration conf) {
        sun.misc.Signal.handle(new sun.misc.Signal("TERM"), signal -> daemon("stop", () -> {
            try (Connection connection = ConnectionFactory.createConnection(conf); Admin admin = connection.getAdmin()) {
                admin.shutdown();
                long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(STOP_SECONDS);
                while (System.nanoTime() < until && serving()) {
                    Thread.sleep(50);
                }
            } finally {
                Runtime.getRuntime().halt(0);
            }
        }));
    }

    private static boolean serving() {
        return Thread.getAllStackTraces().keySet().stream()
            .anyMatch(thread -> thread.getName().startsWith("M:0;") || thread.getName().startsWith("RS:0;"));
    }

    private interface Work { void run() throws Exception; }

    private static Thread daemon(String name, Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }
}
