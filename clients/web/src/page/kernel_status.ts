// What the kernel does, in words that are true. Pure.

import type { Kernel } from "../core/schema.ts";

export interface KernelSaid {
  readonly text: string;
  readonly tone: "off" | "idle" | "busy" | "bad";
  /** More of it, in sentences; empty if there is no more. */
  readonly more: string;
  /** Something is wrong that a restart may mend. */
  readonly offersRestart: boolean;
}

export interface KernelSeen {
  readonly kernel: Kernel | null;
  /** How many executions run or wait. */
  readonly queued: number;
  /** Whether what runs waits for somebody to answer `input()`. */
  readonly asks: boolean;
  /** Whether somebody is here who can run cells. */
  readonly hasDaemon: boolean;
  readonly isOnline: boolean;
}

export function sayKernel({ kernel, queued, asks, hasDaemon, isOnline }: KernelSeen): KernelSaid {
  const say = (text: string, tone: KernelSaid["tone"], more = "", offersRestart = false): KernelSaid => ({ text, tone, more, offersRestart });
  if (kernel === null) return say("", "off");
  const name = kernel.name || "Kernel";
  if (!isOnline) return say(`${name} · not known`, "off", "The server cannot be reached, so nobody here knows what the kernel does.");
  if (!hasDaemon) {
    return say("Nothing here can run cells", "bad", "The process that runs cells is not connected. The server starts it again by itself; if not, `quire up` does.");
  }
  const error = kernel.error ?? "";
  if (kernel.lifecycle === "ready") {
    if (kernel.activity === "unresponsive") return say(`${name} · not responding`, "bad", error, true);
    if (kernel.activity !== "busy") return say(`${name} · idle`, "idle");
    if (asks) return say(`${name} · asks for input`, "busy", "The cell that runs waits for an answer in the field below it.");
    return say(queued > 1 ? `${name} · running, ${queued - 1} waiting` : `${name} · running`, "busy");
  }
  if (kernel.lifecycle === "dead") return say(`${name} · died`, "bad", error || "The kernel has died.", true);
  if (kernel.lifecycle === "starting" || kernel.lifecycle === "restarting") return say(`${name} · ${kernel.lifecycle}`, "busy");
  if (kernel.error !== null) return say(`${name} · could not start`, "bad", error, true);
  if (kernel.lifecycle === "stopped") return say(`${name} · stopped`, "off", "It starts when a cell runs.");
  return say("No kernel yet", "off", "One starts when a cell runs.");
}
