import darkroom from "darkroom-pictures/eleventy";
export default function (configuration) { configuration.addPlugin(darkroom, { url: process.env.DARKROOM_URL }); }
