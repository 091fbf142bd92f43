using Dtt.Tests;
using Dtt.Training.Checkpoints;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Checkpoints;

public sealed class SideBySideTests
{
    [Fact]
    public void Write_WithItsHashesAtOnce_IsTheSameFile()
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        var tensors = new[] { ("b", randn(300, 70)), ("a", randn(5)), ("c", randn(40, 30).t()) };
        var one = Safetensors.Write(folder["one"], tensors);
        var other = Safetensors.Write(folder["other"], tensors, atOnce: true);
        Assert.Equal(one, other);
        Assert.Equal(File.ReadAllBytes(folder["one"]), File.ReadAllBytes(folder["other"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_WhatFails_IsThrown(bool atOnce)
    {
        var error = Assert.Throws<IOException>(() => SideBySide.Run(atOnce, () => { }, () => throw new IOException("full"), () => { }));
        Assert.Equal("full", error.Message);
    }
}
