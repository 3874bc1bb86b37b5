"""The networks: the scratch CNN, the transfer head, and head on backbone."""

import keras
from keras import layers, ops

from animals10.models import pooling
from animals10.parameters import TrainCnn


def cnn(image_size: int, classes: int, settings: TrainCnn) -> keras.Model:
    """Build the study's scratch CNN.

    Args:
        image_size: side of the input in pixels.
        classes: number of outputs.
        settings: width, depth and regularization.

    Returns:
        RGB 0..255 of shape (n, image_size, image_size, 3) to probabilities of shape (n, classes).
    """
    inputs = keras.Input((image_size, image_size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    blocks = zip(settings.filters, settings.convolutions, settings.pool_sizes, strict=True)
    for filters, convolutions, pool_size in blocks:
        for _ in range(convolutions):
            x = layers.Conv2D(
                filters, settings.kernel_size, padding="same", activation=settings.activation
            )(x)
            x = layers.BatchNormalization(momentum=settings.batch_norm_momentum)(x)
        x = layers.MaxPooling2D(pool_size)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(settings.dropout[0])(x)
    x = layers.Dense(settings.dense, activation=settings.activation)(x)
    x = layers.Dropout(settings.dropout[1])(x)
    outputs = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="cnn")


def head(
    channels: int, classes: int, dense: int, dropout: float, feature_length: float | None = None
) -> keras.Model:
    """Build the study's classifier of pooled features, and scale these to one length, if wanted.

    Args:
        channels: width of the features.
        classes: number of outputs.
        dense: units of the hidden layer.
        dropout: fraction of hidden units dropped in training.
        feature_length: Euclidean length that each image's features are scaled to; None: unscaled.

    Returns:
        float32 features of shape (n, channels) to probabilities of shape (n, classes).
    """
    scaling = []
    if feature_length is not None:
        scaling = [layers.UnitNormalization(), layers.Rescaling(feature_length)]
    return keras.Sequential(
        [
            keras.Input((channels,), name="features"),
            *scaling,
            layers.Dense(dense, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(classes, activation="softmax", name="probabilities"),
        ],
        name="head",
    )


def attach_head(backbone: keras.Model, classifier: keras.Model) -> keras.Model:
    """Put a head on a backbone, as one model of images.

    Args:
        backbone: images to features; stays reachable as the layer of its name, `backbone`.
        classifier: features to probabilities.

    Returns:
        RGB 0..255 of shape (n, image_size, image_size, 3) to probabilities of shape (n, classes).
    """
    inputs = keras.Input(backbone.input_shape[1:], name="image")
    return keras.Model(inputs, classifier(backbone(inputs)), name="transfer")


def average_flips(model: keras.Model) -> keras.Model:
    """Have a transfer model see each image and its mirror image, which takes twice the time.

    It averages the last spatial layer of both, with the mirror image's mirrored back, or features
    where there is none; so pooling, head and heat maps stay as they are. Krizhevsky et al.,
    ImageNet Classification with Deep Convolutional Neural Networks, 2012, average probabilities.

    Args:
        model: as `attach_head` makes it.

    Returns:
        A model likewise, on the same variables.
    """
    backbone = model.get_layer("backbone")
    spatial = pooling.is_in(backbone)
    body, following = pooling.split(backbone) if spatial else (backbone, [])
    image = keras.Input(backbone.input_shape[1:], name="image")
    mirrored = body(ops.flip(image, axis=2))
    x = layers.Average()([body(image), ops.flip(mirrored, axis=2) if spatial else mirrored])
    for layer in following:
        x = layer(x)
    return attach_head(keras.Model(image, x, name="backbone"), model.get_layer("head"))
