// Writes src/openapi.d.ts from the description that the real cloud gives.
//
//   npm run types

import { writeFile } from "node:fs/promises";
import { Cloud } from "./cloud.mjs";
import { types } from "./description.mjs";

const cloud = await Cloud.fresh({});
try {
  await cloud.start();
  await writeFile(new URL("../src/openapi.d.ts", import.meta.url), await types(cloud.url));
} finally {
  await cloud.forget();
}
