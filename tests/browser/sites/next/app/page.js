import Image from "next/image";
export default function Page() { return <Image src="beach.png" alt="A beach" width={800} height={600} sizes="100vw" />; }
