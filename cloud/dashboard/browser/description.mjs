// What the cloud describes of itself, as far as the page uses it, as types.

import openapiTS, { astToString } from "openapi-typescript";

/** What the page asks for. A path or method that the cloud no longer has is found here. */
const USED = {
  "/api/v1/live": ["get"],
  "/api/v1/session": ["get", "post", "delete"],
  "/api/v1/password/forgotten": ["post"],
  "/api/v1/password/reset": ["post"],
  "/api/v1/email/verified": ["post"],
  "/api/v1/staff": ["get", "post"],
  "/api/v1/staff/{id}": ["put", "delete"],
  "/api/v1/staff/join": ["post"],
  "/api/v1/terminals": ["get"],
  "/api/v1/sites": ["get", "post"],
  "/api/v1/sites/{id}": ["put"],
  "/api/v1/people/import": ["post"],
  "/api/v1/setup": ["post"],
  "/api/v1/claims": ["post"],
  "/api/v1/employees": ["post"],
  "/api/v1/terminals/{id}": ["delete"],
  "/api/v1/people/{id}/days": ["get"],
  "/api/v1/pay-periods": ["get"],
  "/api/v1/pay-runs": ["get", "post"],
  "/api/v1/pay-runs/{id}": ["get"],
  "/api/v1/pay-runs/{id}/review": ["post"],
  "/api/v1/pay-runs/{id}/lock": ["post"],
  "/api/v1/pay-runs/{id}/paid": ["post"],
  "/api/v1/pay-runs/{id}/lines": ["get"],
  "/api/v1/consent-texts": ["get"],
  "/api/v1/consent-texts/{version}": ["get"],
  "/api/v1/people/{id}/consents": ["get"],
  "/api/v1/people/{id}/face": ["post", "delete"],
  "/api/v1/people/{id}/erasures": ["get"],
  "/api/v1/people/{id}/enrolment-link": ["post"],
  "/api/v1/people/{id}/leave": ["post"],
  "/api/v1/people/{id}/export": ["get"],
  "/api/v1/enrolment": ["get", "post", "delete"],
  "/api/v1/enrolment/photo": ["post"],
  "/api/v1/retention": ["get", "put"],
  "/api/v1/former-people": ["get"],
  "/api/v1/people/{id}/ways": ["get"],
  "/api/v1/people/{id}/pin": ["post", "delete"],
  "/api/v1/people/{id}/badges": ["post"],
  "/api/v1/people/{id}/badges/{badge}": ["get", "delete"],
};

/** Every `#/components/schemas/…` that is named in `part`. */
function named(part) {
  const found = [...JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)];
  return found.map(([, name]) => name);
}

/** `part` without what is meant for people: another wording is no other type. */
function bare(part) {
  if (Array.isArray(part)) return part.map(bare);
  if (part === null || typeof part !== "object") return part;
  const kept = Object.entries(part).filter(
    ([key, value]) => !["description", "summary", "example"].includes(key) || typeof value === "object",
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, bare(value)]));
}

/** The description without what the page does not use, so that other routes don't change its types. */
function used(description) {
  const paths = {};
  for (const [path, methods] of Object.entries(USED)) {
    paths[path] = {};
    for (const method of methods) {
      const operation = description.paths?.[path]?.[method];
      if (!operation) throw new Error(`the cloud has no ${method.toUpperCase()} ${path}, which the page calls`);
      paths[path][method] = operation;
    }
  }
  const schemas = {};
  const wanted = named(paths);
  while (wanted.length > 0) {
    const name = wanted.pop();
    if (name in schemas) continue;
    schemas[name] = description.components.schemas[name];
    wanted.push(...named(schemas[name]));
  }
  const { openapi, info } = description;
  return { openapi, info: { title: info.title, version: "1" }, paths, components: { schemas } };
}

const HEAD = "// Made from the cloud's own description by `npm run types`; `npm run browser` finds it stale.\n\n";

/** The text of src/openapi.d.ts for the cloud at `url`. */
export async function types(url) {
  const description = await (await fetch(`${url}/openapi.json`)).json();
  return HEAD + astToString(await openapiTS(bare(used(description))));
}
