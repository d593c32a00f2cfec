// What a check can find.
#ifndef DARKROOM_STRICT_FAULTS_H
#define DARKROOM_STRICT_FAULTS_H

#define MISSING "the data ends before the last block"
#define SURPLUS "data is left after the last block"
#define NO_CODE "the table lacks a code"
#define TOO_LARGE "a coefficient is larger than the picture's depth allows"
#define OUTSIDE_BLOCK "a coefficient lies outside its block"
#define OUTSIDE_SCAN "a run of blocks extends beyond the scan"
#define ZEROS "a block is made of zero bytes"
#define WRONG_RESTART "a restart marker is missing or out of order"
#define BROKEN_SEGMENT "a segment is broken"
#define BROKEN_SCRIPT "a scan does not follow from the scans before it"
#define INCOMPLETE "a scan is missing"

#endif
