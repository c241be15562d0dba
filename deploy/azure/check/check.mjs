// Checks the syntax of Bicep files by the grammar that editors use, where
// Microsoft's compiler is not at hand: node check.mjs FILE...
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Language, Parser } from "web-tree-sitter";

await Parser.init();
const grammar = fileURLToPath(import.meta.resolve("tree-sitter-bicep/tree-sitter-bicep.wasm"));
const parser = new Parser();
parser.setLanguage(await Language.load(grammar));

// problems are the places that the grammar has no sense for.
function* problems(node) {
  if (node.isError || node.isMissing) {
    yield node;
    return;
  }
  for (const child of node.children) yield* problems(child);
}

let found = 0;
for (const file of process.argv.slice(2)) {
  const tree = parser.parse(readFileSync(file, "utf8"));
  for (const { startPosition: at, isMissing, type, text } of problems(tree.rootNode)) {
    found++;
    const what = isMissing ? `${type} is missing` : `unexpected: ${text.split("\n")[0]}`;
    console.error(`${file}:${at.row + 1}:${at.column + 1}: ${what}`);
  }
}
console.log(`${process.argv.length - 2} files, ${found} problems`);
process.exit(found > 0 || process.argv.length < 3 ? 1 : 0);
