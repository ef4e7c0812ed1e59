// Unpacks the browser and the libraries that it needs beside the C library's into node_modules/.browser.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inflate } from "@sparticuz/chromium";

const modules = join(import.meta.dirname, "node_modules");
const target = join(modules, ".browser");
rmSync(target, { recursive: true, force: true }); // the half of it that an interrupted run left
mkdirSync(target);
process.env.TMPDIR = target; // which is where the package puts everything
for (const name of ["chromium.br", "al2023.tar.br", "fonts.tar.br"]) {
  await inflate(join(modules, "@sparticuz/chromium/bin", name));
}
