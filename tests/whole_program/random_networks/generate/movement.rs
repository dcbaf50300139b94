//! Ops of random networks that move and repeat elements, and constants that are repeated.

use super::{Builder, Tensor, list};

impl Builder {
    /// The axes of a sample in another order.
    pub(super) fn permute(&mut self, a: u8) {
        let (last, shape) = (self.last(), self.shape().to_vec());
        let (mut axes, mut rest, mut order) = ((0..shape.len()).collect::<Vec<_>>(), usize::from(a), vec![]);
        while !axes.is_empty() {
            order.push(axes.remove(rest % axes.len()));
            rest /= axes.len() + 1;
        }
        let dims = order.iter().map(|axis| axis + 1).collect::<Vec<_>>();
        let call = format!("permute(%{last}, dims = [0, {}])", list(&dims));
        self.push(&call, order.iter().map(|&axis| shape[axis]).collect());
    }

    /// Another shape of one to three axes.
    pub(super) fn reshape(&mut self, a: u8, b: u8) {
        let (last, mut rest) = (self.last(), self.shape().iter().product::<usize>());
        let mut shape = vec![];
        for number in [a, b] {
            let divisors =
                (1..=rest.min(9)).filter(|divisor| rest.is_multiple_of(*divisor)).collect::<Vec<_>>();
            let size = divisors[usize::from(number / 2) % divisors.len()];
            if number.is_multiple_of(2) {
                shape.push(size);
                rest /= size;
            }
        }
        shape.push(rest);
        let call = format!("reshape(%{last}, shape = [{}])", list(&shape));
        self.push(&call, shape);
    }

    pub(super) fn upsample(&mut self, a: u8, b: u8) {
        let (last, mut shape) = (self.last(), self.shape().to_vec());
        for (size, number) in shape[1..].iter_mut().zip([a, b]) {
            *size = 1 + usize::from(number) % (2 * *size);
        }
        let call = format!("upsample_nearest(%{last}, size = [{}])", list(&shape[1..]));
        self.push(&call, shape);
    }

    /// A number for each channel, each last feature, or each element.
    pub(super) fn constant(&mut self, [a, b, c]: [u8; 3]) {
        let shape = self.shape().to_vec();
        let op = ["add", "sub", "mul", "div"][usize::from(a) % 4];
        let kept = |axis: usize| match b % 4 {
            0 | 1 => axis == 0,
            2 => axis + 1 == shape.len(),
            _ => true,
        };
        let sizes = shape.iter().enumerate().map(|(axis, &size)| if kept(axis) { size } else { 1 });
        let mut sizes = sizes.collect::<Vec<_>>();
        if c < 128 {
            sizes.insert(0, 1);
        }
        let weight = self.weight("y", &sizes, 2.0);
        if op == "div" {
            // Away from 0.
            self.weights.pop();
            let values = vec![if c.is_multiple_of(2) { 1.5f32 } else { -0.75 }; sizes.iter().product()];
            self.weights.push(Tensor::f32(&format!("l{}.y", self.values.len()), &sizes, &values));
        }
        self.same(op, &format!(", {weight}"));
    }

    /// The last value and its mean over an axis, which is repeated.
    pub(super) fn broadcast(&mut self, a: u8, b: u8) {
        let (last, shape) = (self.last(), self.shape().to_vec());
        let axis = usize::from(a) % shape.len();
        if shape.len() > 3 {
            return;
        }
        let mut mean = shape.clone();
        mean[axis] = 1;
        if self.push(&format!("mean(%{last}, dims = [{}], keepdim = true)", axis + 1), mean) {
            let [x, y] = if b.is_multiple_of(2) { [last, last + 1] } else { [last + 1, last] };
            let op = if b < 128 { "add" } else { "sub" };
            self.push(&format!("{op}(%{x}, %{y})"), shape);
        }
    }

    /// Channels of two groups by turns.
    pub(super) fn shuffle(&mut self) {
        let shape = self.shape().to_vec();
        if !shape[0].is_multiple_of(2) || shape.len() > 3 {
            return;
        }
        let groups = [&[2, shape[0] / 2], &shape[1..]].concat();
        let turned = [&[shape[0] / 2, 2], &shape[1..]].concat();
        let axes = (3..=groups.len()).collect::<Vec<_>>();
        let (last, rest) = (self.last(), axes.iter().map(|axis| format!(", {axis}")).collect::<String>());
        let split = self.push(&format!("reshape(%{last}, shape = [{}])", list(&groups)), groups);
        let turn = split && self.push(&format!("permute(%{}, dims = [0, 2, 1{rest}])", self.last()), turned);
        if turn {
            self.push(&format!("reshape(%{}, shape = [{}])", self.last(), list(&shape)), shape);
        }
    }
}
