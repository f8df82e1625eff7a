// Users and sessions as the admin API tells them.
import { useOptional } from "../../api/hooks";
import type { Role } from "../../api/hooks";

export type Session = {
  id: string;
  attributes: {
    user: string;
    user_id?: number | null;
    role: Role;
    via: string;
    current?: boolean;
    read_only?: boolean;
    peer?: string | null;
    created_at: string;
    last_used_at?: string;
    idle_expires_at: string;
    expires_at: string;
  };
};

export type User = {
  id: string;
  attributes: {
    name: string;
    role: Role;
    enabled: boolean;
    has_password?: boolean;
    issuer?: string | null;
    last_signed_in_at?: string | null;
    created_at?: string;
  };
};

const WAYS: Record<string, string> = { password: "by password", admin_token: "by admin token", oidc: "by way of a provider", link: "by one-time link", header: "by a token in each request" };

export function wayOf(via: string): string {
  return WAYS[via] ?? via;
}

export function useSession() {
  return useOptional<{ data: Session }>("/api/v1/session").data?.data;
}
