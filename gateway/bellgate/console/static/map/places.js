// The map itself: Leaflet draws districts and dongs once, and only those bells that are in sight, near ones as one mark.

import { STATES, stateOf, stateText } from "../common/bells.js";
import { make, symbol } from "../common/elements.js";
import { language, t } from "../common/texts.js";
import { loud } from "./quiet.js";

try {
  await import("/static/leaflet/leaflet.js");
} finally {
  loud();
}
const { L } = window;

// Marks that would stand closer than this cover each other.
const CELL_PX = 64;
// From here on every bell has its own mark, if two of them do not hang at one place.
const SINGLE_ZOOM = 17;
const DONG_ZOOM = 13;
const MAX_ZOOM = 18;

export class Places {
  #map;
  #marks = L.layerGroup();
  #dongs;
  #choose;
  #bells = [];
  #chosen = null;
  #drawn = new Map(); // what a mark shows: the mark

  constructor(element, boundaries, streets, choose) {
    this.#choose = choose;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    // Its own controls write markup, which no page of ours allows.
    this.#map = L.map(element, {
      attributionControl: false, zoomControl: false, maxZoom: MAX_ZOOM, minZoom: 9, zoomSnap: 0.5, preferCanvas: true,
      zoomAnimation: !still, fadeAnimation: !still, inertia: !still, markerZoomAnimation: !still,
    });
    this.#map.setView([37.56, 126.99], 11);
    if (streets) this.#streets(streets);
    this.#boundaries(boundaries, Boolean(streets));
    this.#marks.addTo(this.#map);
    this.#map.on("moveend zoomend", () => this.#draw());
  }

  #streets({ min_zoom, max_zoom, bounds: [west, south, east, north] }) {
    const tiles = L.tileLayer("/tiles/{z}/{x}/{y}", {
      minNativeZoom: min_zoom, maxNativeZoom: max_zoom, maxZoom: MAX_ZOOM, bounds: [[south, west], [north, east]], className: "streets",
    });
    // Leaflet empties a tile that goes with a picture from a data: URL, which our content policy refuses; it goes as it is.
    tiles._removeTile = L.GridLayer.prototype._removeTile;
    tiles._abortLoading = () => {};
    tiles.addTo(this.#map);
  }

  #boundaries(boundaries, over) {
    const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
    const of = (level) => ({ features: boundaries.features.filter((each) => each.properties.level === level), type: "FeatureCollection" });
    const thin = () => ({ color: colour("--soft"), weight: 1, opacity: 0.35, fill: false });
    const thick = () => ({ color: colour("--soft"), weight: 1.6, opacity: 0.7, fill: !over, fillColor: colour("--paper"), fillOpacity: 1 });
    const dongs = L.geoJSON(of("dong"), { interactive: false, style: thin });
    const gus = L.geoJSON(of("gu"), { interactive: false, style: thick }).addTo(this.#map);
    const all = gus.getBounds().isValid() ? gus.getBounds() : dongs.getBounds();
    if (all.isValid()) this.#map.fitBounds(all, { animate: false });
    this.#dongs = L.layerGroup([dongs, ...this.#labels(of("dong"), "dong")]);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      dongs.setStyle(thin);
      gus.setStyle(thick);
    });
    L.layerGroup(this.#labels(of("gu"), "gu")).addTo(this.#map);
    const suit = () => {
      const near = this.#map.getZoom() >= DONG_ZOOM;
      this.#map.getContainer().dataset.near = String(near);
      if (near) this.#dongs.addTo(this.#map);
      else this.#dongs.remove();
    };
    this.#map.on("zoomend", suit);
    suit();
  }

  #labels({ features }, level) {
    return features.map((each) => {
      const icon = L.divIcon({ html: make("span", { lang: "ko", text: each.properties.name.replace(/^서울시/, "") }), className: `name-of-${level}`, iconSize: null });
      return L.marker(centre(each.geometry), { icon, interactive: false, keyboard: false, zIndexOffset: -10_000 });
    });
  }

  zoom(by) {
    this.#map.setZoom(this.#map.getZoom() + by);
  }

  all(bells) {
    const points = bells.filter((bell) => bell.lat !== null).map((bell) => [bell.lat, bell.lon]);
    if (points.length > 0) this.#map.fitBounds(L.latLngBounds(points).pad(0.15), { maxZoom: 15 });
    else this.#map.setView([37.56, 126.99], 11);
  }

  go(bell, chosen, bells) {
    this.#bells = bells;
    this.#chosen = chosen;
    this.#map.setView([bell.lat, bell.lon], Math.max(this.#map.getZoom(), 15));
    this.#draw();
  }

  show(bells, chosen) {
    this.#bells = bells;
    this.#chosen = chosen;
    this.#draw();
  }

  #draw() {
    const wanted = new Map(this.#groups().map((group) => [keyOf(group, this.#chosen), group]));
    for (const [key, mark] of this.#drawn) {
      if (wanted.has(key)) continue;
      mark.remove();
      this.#drawn.delete(key);
    }
    for (const [key, group] of wanted) {
      if (!this.#drawn.has(key)) this.#drawn.set(key, this.#mark(group).addTo(this.#marks));
    }
  }

  // Bells in sight, those in one cell together; one with an open incident always stands alone and on top.
  #groups() {
    const sight = this.#map.getBounds().pad(0.2);
    const zoom = this.#map.getZoom();
    const cells = new Map();
    for (const bell of this.#bells) {
      if (bell.lat === null || !sight.contains([bell.lat, bell.lon])) continue;
      const { x, y } = this.#map.project([bell.lat, bell.lon], zoom);
      const alone = stateOf(bell) === "incident" || bell.bell_id === this.#chosen || zoom >= SINGLE_ZOOM;
      const cell = alone ? bell.bell_id : `${Math.floor(x / CELL_PX)}/${Math.floor(y / CELL_PX)}`;
      if (!cells.has(cell)) cells.set(cell, []);
      cells.get(cell).push(bell);
    }
    return [...cells.values()];
  }

  #mark(group) {
    const worst = STATES.find((state) => group.some((bell) => stateOf(bell) === state));
    const only = group.length === 1 ? group[0] : null;
    const classes = ["mark", worst, only ? "" : "many", only?.bell_id === this.#chosen ? "chosen" : ""].filter(Boolean).join(" ");
    const html = make("span", { class: classes }, symbol(`bell-${worst}`));
    if (only) html.append(make("span", { class: "label", text: only.name }));
    else html.append(make("b", { text: group.length }));
    const at = [mean(group, "lat"), mean(group, "lon")];
    const icon = L.divIcon({ html, className: "place-of-bells", iconSize: null });
    const title = only ? t("map.bell", { name: only.name, state: stateText(only) }) : t("map.cluster", { n: group.length, state: t(`bell_state.${worst}`) });
    const mark = L.marker(at, { icon, keyboard: false, title, zIndexOffset: 1_000 * (STATES.length - STATES.indexOf(worst)) });
    mark.on("click", () => {
      if (only) this.#choose(only.bell_id);
      else this.#map.fitBounds(L.latLngBounds(group.map((bell) => [bell.lat, bell.lon])).pad(0.3), { maxZoom: SINGLE_ZOOM });
    });
    return mark;
  }
}

const mean = (group, name) => group.reduce((sum, bell) => sum + bell[name], 0) / group.length;

const keyOf = (group, chosen) =>
  [language, group.length === 1 && group[0].bell_id === chosen, ...group.map((bell) => `${bell.bell_id}${bell.name}${stateOf(bell)}${bell.lat}${bell.lon}`)].join("|");

// The centroid of the largest ring, in [lat, lon].
function centre(geometry) {
  const rings = geometry.type === "Polygon" ? [geometry.coordinates[0]] : geometry.coordinates.map(([ring]) => ring);
  const sized = rings.map((ring) => {
    let [twice, x, y] = [0, 0, 0];
    for (let at = 0; at + 1 < ring.length; at += 1) {
      const cross = ring[at][0] * ring[at + 1][1] - ring[at + 1][0] * ring[at][1];
      twice += cross;
      x += (ring[at][0] + ring[at + 1][0]) * cross;
      y += (ring[at][1] + ring[at + 1][1]) * cross;
    }
    return { area: Math.abs(twice), point: [y / (3 * twice), x / (3 * twice)] };
  });
  return sized.sort((a, b) => b.area - a.area)[0].point;
}
