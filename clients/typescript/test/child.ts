/** A process of its own that lets requests in without the server, says so line by line, and then waits to be killed. */
import { Headworks, OpenUpTo } from "@headworks/client";

const [baseUrl = "", apiKey = "", journal = "", account = "", times = "1"] = process.argv.slice(2);
const client = new Headworks({ baseUrl, apiKey, journal, maxRetries: 0, fallback: new OpenUpTo(1_000_000) });
setInterval(() => {}, 1000);
// A file that may not grow is an error of the write.
process.on("SIGXFSZ", () => {});
for (let n = 0; n < Number(times); n += 1) {
  const call = client.authorize({ account, feature: "chat", quantities: { output_tokens: 100 } });
  console.log(
    await call.then(
      (decision) => (decision.fallback ? "let in" : "decided"),
      () => "closed",
    ),
  );
}
