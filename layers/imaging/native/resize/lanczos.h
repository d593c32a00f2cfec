// The weights of a Lanczos filter along one axis.
#ifndef RESIZE_LANCZOS_H
#define RESIZE_LANCZOS_H

// Each value of the result is the sum of `count` values of the picture from `first` on, times `weights`.
typedef struct {
    int count;
    int *first;
    float *weights; // `count` for each value
} Weights;

// Fills in the weights for `size` values made from `length`, of which the part from `begin` to `end` is shown.
// Returns -1 if there is no memory, else 0; free_weights frees the memory in both cases.
int make_weights(Weights *weights, int length, int size, double begin, double end);
void free_weights(Weights *weights);

#endif
