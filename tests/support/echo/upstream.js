// What the upstream answers; see NginxUpstream in ../nginx.py.

import crypto from "crypto";

function echo(r) {
  const body = r.requestBuffer || Buffer.alloc(0);
  r.headersOut["Content-Type"] = "application/json";
  r.return(200, JSON.stringify({
    method: r.method,
    target: r.variables.request_uri,
    headers: r.rawHeadersIn,
    body: { length: body.length, sha256: crypto.createHash("sha256").update(body).digest("hex") },
  }));
}

function bytes(r) {
  r.return(200, "x".repeat(Number(r.args.n)));
}

function chunked(r) {
  const piece = Number(r.args.piece);
  r.status = 200;
  r.sendHeader();
  for (let left = Number(r.args.n); left > 0; left -= piece) r.send("x".repeat(Math.min(left, piece)));
  r.finish();
}

function delay(r) {
  setTimeout(() => r.return(200, "late\n"), Number(r.args.ms));
}

function status(r) {
  r.return(Number(r.args.code), "");
}

export default { echo, bytes, chunked, delay, status };
