"""Which parameters the losses have reached."""


def without_gradient(model, *parts):
    """Names of parameters whose gradient is zero, after a backward pass.

    The projections of an attention, which share a tensor, count one by one. The bias of its keys
    counts for nothing: it adds the same to all keys, and softmax takes no notice.

    Args:
        model: The model.
        *parts: A parameter counts if its name holds one of these.

    Returns:
        Names, with `.query`, `.key` or `.value` for projections.
    """
    still = []
    for name, parameter in model.named_parameters():
        if not any(part in name for part in parts):
            continue
        gradients = {name: parameter.grad}
        if name.endswith(('in_proj_weight', 'in_proj_bias')):
            gradients = {f'{name}.{which}': third for which, third in zip(
                ('query', 'key', 'value'), parameter.grad.chunk(3))}
        gradients.pop(f'{name}.key' if name.endswith('bias') else None, None)
        still += [name for name, gradient in gradients.items() if not gradient.any()]
    return still
