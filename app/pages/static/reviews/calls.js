// Calls of the review's API: each answers `{ok, status, code, detail, errors, data}`, also where there is no network.

import { api } from "../base.js";

/** Call the API with a JSON body. `status` is 0 where the service was not reached. */
export async function call(path, { method = "GET", body, signal, keepalive = false } = {}) {
  let response;
  try {
    response = await api(path, {
      method,
      signal,
      keepalive,
      cache: "no-store",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { ok: false, status: 0, code: "unreachable", detail: "The service does not answer.", errors: [], data: null };
  }
  const data = await response.json().catch(() => null);
  if (response.ok) return { ok: true, status: response.status, code: null, detail: "", errors: [], data };
  return {
    ok: false,
    status: response.status,
    code: data?.type?.split("/").pop() ?? "unknown",
    detail: data?.detail ?? `The service answered ${response.status}.`,
    errors: data?.errors ?? [],
    location: response.headers.get("Location"),
    data: null,
  };
}
