export { default } from "darkroom-pictures/next";
