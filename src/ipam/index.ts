/** Address reservations as a contract that every store of them keeps. */
export type { HoldRequest, Lease, LeaseStore, LeaseView, ListedLease, NewLease, Owner, ViewRequest } from "./leases.ts";
