import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.InMemoryCursor;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.BsonTimestamp;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * mongo-java-server, an emulator of MongoDB, on 127.0.0.1: MongoLocal PORT [FILE]. With a file the data are kept in it.
 *
 * Added to the library, so that today's PyMongo is served much as by mongod: the wire version, 'hello', logical
 * sessions, replies cut into batches (the library answers a find without batchSize in one message, and an aggregate
 * always does), operationTime on change streams; and what is kept in a file is in it before a write is answered.
 */
public final class MongoLocal {
    private static final int FIRST_BATCH = 101;
    private static final int NEXT_BATCH = 2000;
    private static final int LARGEST_BATCH = 5000;
    private static final Set<String> WRITES = Set.of(
        "insert", "update", "delete", "findandmodify", "create", "createindexes", "drop", "dropdatabase",
        "dropindexes", "renamecollection");

    private MongoLocal() {}

    private interface Next { Document answer(String command, Document query); }

    private static Document serve(String command, Document query, CursorRegistry cursors, Next next) {
        switch (command.toLowerCase()) {
            case "hello":
            case "ismaster": {
                Document reply = next.answer("ismaster", query);
                reply.put("isWritablePrimary", true);
                reply.put("logicalSessionTimeoutMinutes", 30);
                return reply;
            }
            case "endsessions":
            case "refreshsessions":
            case "killsessions":
                return new Document("ok", 1.0);
            case "find":
                query.put("batchSize", batch(query.get("batchSize"), FIRST_BATCH));
                return next.answer(command, query);
            case "getmore":
                query.put("batchSize", batch(query.get("batchSize"), NEXT_BATCH));
                return next.answer(command, query);
            case "aggregate": {
                Document reply = next.answer(command, query);
                if (isChangeStream(query.get("pipeline"))) {
                    reply.put("operationTime", new BsonTimestamp(Instant.now(), 0));
                    return reply;
                }
                return cut(query, reply, cursors);
            }
            default:
                return next.answer(command, query);
        }
    }

    private static int batch(Object asked, int otherwise) {
        return asked == null ? otherwise : Math.min(((Number) asked).intValue(), LARGEST_BATCH);
    }

    private static boolean isChangeStream(Object pipeline) {
        return pipeline instanceof List && !((List<?>) pipeline).isEmpty()
            && ((Document) ((List<?>) pipeline).get(0)).containsKey("$changeStream");
    }

    /** Leaves the first batch in the reply of an aggregate, and the rest to a cursor. */
    @SuppressWarnings("unchecked")
    private static Document cut(Document query, Document reply, CursorRegistry cursors) {
        Document cursor = (Document) reply.get("cursor");
        if (cursor == null || !(cursor.get("firstBatch") instanceof Iterable)
                || ((Number) cursor.get("id")).longValue() != 0) {
            return reply;
        }
        List<Document> all = new ArrayList<>();
        ((Iterable<Document>) cursor.get("firstBatch")).forEach(all::add);
        Object options = query.get("cursor");
        int size = batch(options instanceof Document ? ((Document) options).get("batchSize") : null, FIRST_BATCH);
        if (all.size() <= size) {
            return reply;
        }
        long id = cursors.generateCursorId();
        cursors.add(new InMemoryCursor(id, new ArrayList<>(all.subList(size, all.size()))));
        cursor.put("id", id);
        cursor.put("firstBatch", new ArrayList<>(all.subList(0, size)));
        return reply;
    }

    private static final class Memory extends MemoryBackend {
        @Override public Document handleCommand(Channel channel, String database, String command, Document query) {
            return serve(command, query, getCursorRegistry(),
                (name, asked) -> super.handleCommand(channel, database, name, asked));
        }
    }

    private static final class File extends H2Backend {
        File(String file) {
            super(file);
        }

        @Override public Document handleCommand(Channel channel, String database, String command, Document query) {
            Document reply = serve(command, query, getCursorRegistry(),
                (name, asked) -> super.handleCommand(channel, database, name, asked));
            if (WRITES.contains(command.toLowerCase())) {
                commit(); // the store's own thread writes once a second: what was answered must survive a kill
            }
            return reply;
        }
    }

    public static void main(String[] arguments) throws Exception {
        Lifeline.hold();
        int port = Integer.parseInt(arguments[0]);
        boolean inMemory = arguments.length < 2;
        MongoBackend backend = inMemory ? new Memory() : new File(arguments[1]);
        backend.version(new MongoVersion() {
            @Override public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
            @Override public int getWireVersion() { return 13; }
        });
        MongoServer server = new MongoServer(backend);
        if (inMemory && Boolean.getBoolean("sluice.oplog")) {
            server.enableOplog();
        }
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", port);
        System.out.println("listening on 127.0.0.1:" + port);
        Thread.currentThread().join();
    }
}
