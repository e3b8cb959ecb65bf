"""Batch normalisation that on TensorFlow is one fused operation, and Keras' own everywhere else."""

import keras


@keras.saving.register_keras_serializable("cnnlib")
class BatchNormalization(keras.layers.BatchNormalization):
    """``keras.layers.BatchNormalization`` with the same arguments, weights and results, faster on TensorFlow.

    Keras 3 computes the layer from a dozen small operations; TensorFlow has one for it, forward and
    backward (Ioffe and Szegedy 2015, Alg. 1). Taken for images (batch, height, width, channels) with
    gamma and beta, without a mask; anything else goes Keras' way. As in Keras the moving variance is
    the biased one (divided by n), where TensorFlow's operation gives the unbiased.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise: by the batch in training, by the moving statistics otherwise."""
        channels_last = self.axis in (-1, 3) and len(inputs.shape) == 4
        fused = channels_last and self.scale and self.center and mask is None and not self.synchronized
        # Within Keras' symbolic graph there are no tensors yet.
        if keras.backend.backend() != "tensorflow" or not fused or keras.utils.is_keras_tensor(inputs):
            return super().call(inputs, training=training, mask=mask)

        import tensorflow as tf

        by_batch = bool(training) and self.trainable
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, "float32"),
            offset=tf.cast(self.beta, "float32"),
            mean=tf.constant([], "float32") if by_batch else tf.cast(self.moving_mean, "float32"),
            variance=tf.constant([], "float32") if by_batch else tf.cast(self.moving_variance, "float32"),
            epsilon=self.epsilon,
            is_training=by_batch,
        )
        if by_batch:
            count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), variance.dtype)
            variance = variance * (count - 1) / count
            keep = self.momentum
            self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
            self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs
