// The replica on this browser's disk (IndexedDB): what survives a reload, a crash and a server that is gone.
//
// A record is a snapshot or a batch of changes; all records of a notebook, in any order, are its document. Several tabs
// append side by side. Compaction replaces exactly those records that the compacting tab has read or written itself, in
// one transaction, so nothing of another tab is lost. The name under which a notebook is kept is its id; the identity
// (genesis) is kept with it, so that another document under the same id is recognised.

const DATABASE = "quire";
const VERSION = 1;
const COMPACT_AFTER = 200; // records

export interface Header {
  genesis: string;
  /** What the hub had on its disk when this was written. */
  acknowledged: string[];
}

export interface Found {
  readonly header: Header;
  readonly pieces: Uint8Array[];
}

export class Store {
  readonly #database: IDBDatabase;
  readonly #name: string;
  #records: IDBValidKey[] = []; // those whose content this tab's document contains

  private constructor(database: IDBDatabase, name: string) {
    this.#database = database;
    this.#name = name;
  }

  static async open(name: string): Promise<Store> {
    const opening = indexedDB.open(DATABASE, VERSION);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("headers");
      opening.result.createObjectStore("records", { autoIncrement: true }).createIndex("name", "name");
    };
    return new Store(await done(opening), name);
  }

  async load(): Promise<Found | null> {
    const transaction = this.#database.transaction(["headers", "records"]);
    const header = await done(transaction.objectStore("headers").get(this.#name));
    const index = transaction.objectStore("records").index("name");
    const [keys, records] = await Promise.all([done(index.getAllKeys(this.#name)), done(index.getAll(this.#name))]);
    this.#records = keys;
    if (header === undefined || records.length === 0) return null;
    return { header: header as Header, pieces: records.map(({ bytes }: { bytes: Uint8Array }) => bytes) };
  }

  /** Keep these changes. They are on disk when this resolves. */
  async append(header: Header, bytes: Uint8Array): Promise<void> {
    const transaction = this.#database.transaction(["headers", "records"], "readwrite", { durability: "strict" });
    transaction.objectStore("headers").put(header, this.#name);
    const key = await done(transaction.objectStore("records").add({ name: this.#name, bytes }));
    await ended(transaction);
    this.#records.push(key);
  }

  get wantsCompaction(): boolean {
    return this.#records.length > COMPACT_AFTER;
  }

  /** Put one snapshot in the place of everything that this tab's document contains. */
  async compact(header: Header, snapshot: Uint8Array): Promise<void> {
    const replaced = this.#records;
    const transaction = this.#database.transaction(["headers", "records"], "readwrite", { durability: "strict" });
    const records = transaction.objectStore("records");
    transaction.objectStore("headers").put(header, this.#name);
    const key = await done(records.add({ name: this.#name, bytes: snapshot }));
    for (const old of replaced) records.delete(old);
    await ended(transaction);
    this.#records = [key, ...this.#records.slice(replaced.length)];
  }

  /** Keep what is here under another name, so that this one is free. */
  async setAside(name: string): Promise<void> {
    const transaction = this.#database.transaction(["headers", "records"], "readwrite", { durability: "strict" });
    const headers = transaction.objectStore("headers");
    headers.put(await done(headers.get(this.#name)), name);
    headers.delete(this.#name);
    const records = transaction.objectStore("records");
    for (const key of await done(records.index("name").getAllKeys(this.#name))) {
      const record = await done(records.get(key));
      records.put({ ...record, name }, key);
    }
    await ended(transaction);
    this.#records = [];
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
