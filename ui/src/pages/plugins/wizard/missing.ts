import { ApiError } from "../../../api/client";

/** Whether an operation is not there at all, as opposed to having been refused. */
export function missing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 405);
}
