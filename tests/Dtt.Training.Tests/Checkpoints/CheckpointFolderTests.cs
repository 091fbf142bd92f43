using System.Security.Cryptography;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Tests;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;

namespace Dtt.Training.Tests.Checkpoints;

public sealed class CheckpointFolderTests : IDisposable
{
    private static readonly OptimizerConfig _adamW = new() { Name = "adamw", WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 };
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("adamw")]
    [InlineData("sgd")]
    [InlineData("muon")]
    public void Load_GivesBackEveryBit(string name)
    {
        var (gpt, optimizer) = Trained(name);
        var written = CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        var other = Tiny.Gpt(Tiny.Model("gpt2"));
        using var otherOptimizer = Optimizer.Of(_adamW with { Name = name }, other.Parameters);
        var manifest = CheckpointFolder.ReadManifest(_folder["c"], written.ManifestSha256);
        CheckpointFolder.Load(_folder["c"], manifest, Tiny.Model("gpt2"), other.Parameters, otherOptimizer);
        Assert.Equal(Tiny.Bytes(gpt.Parameters.Master), Tiny.Bytes(other.Parameters.Master));
        Assert.All(optimizer.Gather().Tensors().Zip(otherOptimizer.Gather().Tensors()), s =>
        {
            Assert.Equal(s.First.Name, s.Second.Name);
            Assert.Equal(Tiny.Bytes(s.First.View), Tiny.Bytes(s.Second.View));
        });
        Assert.Equal(written.WeightsSha256, manifest.WeightsSha256);
        Assert.Equal(written.SizeBytes, Directory.EnumerateFiles(_folder["c"]).Sum(f => new FileInfo(f).Length));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Load_OfWeightsThatAreNotFinite_NamesTheTensor(float value)
    {
        var (gpt, optimizer) = Trained();
        using var noGrad = TorchSharp.torch.no_grad();
        gpt.Parameters.ViewOf("transformer.ln_f.bias", gpt.Parameters.Master)[3] = TorchSharp.torch.tensor(value);
        var written = CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        var manifest = CheckpointFolder.ReadManifest(_folder["c"], written.ManifestSha256);
        var error = Assert.Throws<BadDataException>(() =>
            CheckpointFolder.Load(_folder["c"], manifest, Tiny.Model("gpt2"), Tiny.Gpt(Tiny.Model("gpt2")).Parameters, optimizer: null));
        Assert.Contains($"{_folder["c/model.safetensors"]}: 'transformer.ln_f.bias' holds NaN or infinity", error.Message);
    }

    [Fact]
    public void Write_StoresUnpaddedNamedTensorsInNameOrder()
    {
        var (gpt, optimizer) = Trained();
        CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        var bytes = File.ReadAllBytes(_folder["c/model.safetensors"]);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, (int)BitConverter.ToInt64(bytes)));
        var names = header.RootElement.EnumerateObject().Select(e => e.Name).ToList();
        Assert.Equal(gpt.Parameters.Table.Select(s => s.Name).Order(StringComparer.Ordinal), names);
        var shape = header.RootElement.GetProperty("transformer.wte.weight").GetProperty("shape");
        Assert.Equal([Tiny.Vocab, 16], shape.EnumerateArray().Select(d => d.GetInt32()));
    }

    [Theory]
    [InlineData("adamw")]
    [InlineData("muon")]
    public void Snapshot_IsOfTheStepAtWhichItWasCopied(string name)
    {
        var (gpt, optimizer) = Trained(name);
        var now = CheckpointFolder.Write(_folder["now"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        using var snapshot = new CheckpointSnapshot(gpt.Parameters, optimizer.Gather());
        snapshot.Capture(optimizer.Gather());
        var (inputs, targets) = Tiny.Batch();
        _ = gpt.ForwardBackward(inputs, targets, 1.0 / 16, 0);
        optimizer.Step(2, 1e-2, 0.9, 1);
        var later = CheckpointFolder.Write(_folder["later"], Manifest(), snapshot.Weights, snapshot.State);
        Assert.Equal(now, later);
        snapshot.Capture(optimizer.Gather());
        Assert.NotEqual(now, CheckpointFolder.Write(_folder["later"], Manifest(), snapshot.Weights, snapshot.State));
    }

    [Fact]
    public void Writer_WritesOneAfterTheOther_AndItsFailureComesOutOnce()
    {
        using var writer = new CheckpointWriter();
        var (order, gate) = (new List<int>(), new ManualResetEventSlim());
        writer.Begin(() =>
        {
            gate.Wait();
            order.Add(1);
        });
        writer.ThrowIfFailed(); // returned while the first is still being written
        gate.Set();
        writer.Begin(() =>
        {
            order.Add(2);
            throw new IOException("full");
        });
        Assert.Equal("full", Assert.Throws<IOException>(writer.Wait).Message);
        writer.Wait();
        Assert.Equal([1, 2], order);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("optimizer.safetensors")]
    public void Load_TruncatedOrChangedFile_IsRefusedWithItsName(string file)
    {
        var (gpt, optimizer) = Trained();
        var written = CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        var manifest = CheckpointFolder.ReadManifest(_folder["c"], written.ManifestSha256);
        var whole = File.ReadAllBytes(_folder["c/" + file]);
        foreach (var damaged in new[] { whole[..^1], whole[..100], [], Flipped(whole, whole.Length - 5), Flipped(whole, 40), Flipped(whole, 0) })
        {
            File.WriteAllBytes(_folder["c/" + file], damaged);
            var error = Assert.Throws<BadDataException>(() =>
                CheckpointFolder.Load(_folder["c"], manifest, Tiny.Model("gpt2"), gpt.Parameters, optimizer));
            Assert.Contains(file, error.Message);
        }
    }

    [Fact]
    public void Load_AnotherModel_SaysWhatDiffers()
    {
        var (gpt, optimizer) = Trained();
        var written = CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        var manifest = CheckpointFolder.ReadManifest(_folder["c"], written.ManifestSha256);
        var error = Assert.Throws<BadDataException>(() => CheckpointFolder.Load(_folder["c"], manifest, Tiny.Model("dtt"), gpt.Parameters, null));
        Assert.Contains("architecture is gpt2 there and dtt here", error.Message);
    }

    [Fact]
    public void ReadManifest_WrittenBeforeHeadsHadAWidthOfTheirOwn_IsTheSameModel()
    {
        var (gpt, _) = Trained();
        CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], state: null);
        var file = _folder["c/manifest.json"];
        var lines = File.ReadAllLines(file);
        File.WriteAllLines(file, lines.Where(l => !l.Contains("\"head_dim\": 8")));
        Assert.Equal(lines.Length - 1, File.ReadAllLines(file).Length);
        var before = CheckpointFolder.ReadManifest(_folder["c"], Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))).Model;
        Assert.Empty(gpt.Config.DifferencesFrom(before));
        Assert.Equal(8, before.HeadDim);
    }

    [Fact]
    public void ReadManifest_OtherThanTheCommittedOne_IsRefused()
    {
        var (gpt, optimizer) = Trained();
        CheckpointFolder.Write(_folder["c"], Manifest(), [.. gpt.Parameters.Named(gpt.Parameters.Master)], [.. optimizer.Gather().Tensors()]);
        var error = Assert.Throws<BadDataException>(() => CheckpointFolder.ReadManifest(_folder["c"], new string('0', 64)));
        Assert.Contains("is not the manifest that was committed", error.Message);
    }

    private static (Gpt, Optimizer) Trained(string name = "adamw")
    {
        var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2"));
        var optimizer = Optimizer.Of(_adamW with { Name = name, Momentum = 0.9 }, gpt.Parameters);
        var (inputs, targets) = Tiny.Batch();
        _ = gpt.ForwardBackward(inputs, targets, 1.0 / 16, 0);
        optimizer.Step(1, 1e-2, 0.9, 1);
        return (gpt, optimizer);
    }

    private static byte[] Flipped(byte[] bytes, int at)
    {
        byte[] copy = [.. bytes];
        copy[at] ^= 0x40;
        return copy;
    }

    private static CheckpointManifest Manifest() =>
        new CheckpointOrigin("r", Attempt: 1, Seed: 1, Tiny.Model("gpt2"), "t", "f", WindowsPerStep: 4).ManifestAt(1);
}
