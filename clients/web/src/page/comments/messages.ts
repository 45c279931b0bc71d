// One message of a thread, with who is mentioned in it, and the field in which one is written.

import { LONGEST_MESSAGE, type Message } from "../../core/comments.ts";
import type { Author } from "../../core/history/authors.ts";
import { isMentioned, isReader, meantIn, namesIn } from "../../core/mentions.ts";
import { colours } from "../colours.ts";
import { h } from "../dom.ts";
import { authorChip, said } from "../people_text.ts";
import { MentionList } from "./mention_list.ts";
import type { TakenPart } from "./taken_part.ts";

export function drawMessage({ author, text, time, edited, mentions }: Message, takenPart: TakenPart): HTMLElement {
  const { reader } = takenPart;
  const isForMe = isMentioned(text, mentions, reader);
  const when = h("time", { datetime: new Date(time * 1000).toISOString() }, said(time), edited === null ? "" : ", edited");
  const words: (string | HTMLElement)[] = [];
  let at = 0;
  for (const { from, to, who } of namesIn(text, mentions, reader)) {
    const name = takenPart.nameOf(who);
    const look = { class: `mention ${isReader(who, reader) ? "me " : ""}${colours.of({ kind: who.kind, name })}` };
    const wasCalled = name.toLowerCase() === who.name.toLowerCase() ? {} : { title: `Written as @${who.name}` };
    words.push(text.slice(at, from), h("span", { ...look, ...wasCalled }, `@${name}`));
    at = to;
  }
  words.push(text.slice(at));
  const mark = isForMe ? h("span", { class: "for-me" }, "mentions you") : null;
  return h("div", { class: isForMe ? "message mentions-me" : "message" }, h("p", { class: "by" }, authorChip(author), " ", when, mark), h("p", { class: "words" }, ...words));
}

/** A field and its buttons. Ctrl+Enter sends, Escape gives up, @ offers whom to mention. */
export function writing(
  verb: string,
  placeholder: string,
  takenPart: TakenPart,
  send: (text: string, mentions: Author[]) => void,
  giveUp: () => void,
): HTMLElement {
  const field = h("textarea", { rows: "3", placeholder, "aria-label": placeholder, maxlength: `${LONGEST_MESSAGE}` });
  const list = new MentionList(field, takenPart);
  const submit = () => {
    const said = field.value.trim();
    if (said !== "") send(said, meantIn(said, [...list.chosen, ...takenPart.all().map(({ who }) => who)]));
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      giveUp();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  });
  const buttons = [
    h("button", { type: "button", class: "plain small strong", title: "Ctrl+Enter", click: submit }, verb),
    h("button", { type: "button", class: "plain small", click: giveUp }, "Cancel"),
  ];
  return h("div", { class: "writing" }, field, list.element, h("div", { class: "row" }, ...buttons));
}
