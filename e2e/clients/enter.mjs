// Types a device code for a program that is not written in JavaScript:
// node enter.mjs ADDRESS CODE
import { enter } from "./browser.mjs";

await enter(process.argv[2], process.argv[3]);
