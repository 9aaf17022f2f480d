"""Networks in terms of a peer's functions f: conv(x, w, b, stride, pad),
norm(x, gamma, beta), relu, add, pool(x, kernel, stride) (of what is covered in
part, too), mean (over places), flatten, dense(x, w, b)."""


def vgg16(f, x, params):
    p = iter(params)
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            x = f.relu(f.conv(x, next(p), next(p), 1, 1))
        x = f.pool(x, 2, 2)
    x = f.flatten(x)
    for _ in range(2):
        x = f.relu(f.dense(x, next(p), next(p)))
    return f.dense(x, next(p), next(p))


def resnet50(f, x, params):
    p = iter(params)

    def step(x, kernel_half, stride):
        x = f.conv(x, next(p), None, stride, kernel_half)
        return f.norm(x, next(p), next(p))

    x = f.conv(x, next(p), next(p), 2, 3)
    x = f.pool(f.relu(f.norm(x, next(p), next(p))), 3, 2)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if block == 0 and stage else 1
            y = f.relu(step(x, 0, stride))
            y = f.relu(step(y, 1, 1))
            y = step(y, 0, 1)
            if block == 0:
                x = step(x, 0, stride)
            x = f.relu(f.add(y, x))
    return f.dense(f.mean(x), next(p), next(p))


ALL = {"vgg16": vgg16, "resnet50": resnet50}
