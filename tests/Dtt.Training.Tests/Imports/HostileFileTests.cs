using System.Runtime.InteropServices;
using Dtt.Core.Models;

namespace Dtt.Training.Tests.Imports;

/// <summary>Files that are cut, changed, or made to mislead: each is refused in words with exit code 3, nothing is run, and no run is left behind.</summary>
public sealed class HostileFileTests : IDisposable
{
    private readonly ForeignFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Import_WithoutATokenizer_OrWithAnother_SaysSo()
    {
        var nano = Path.Combine(ForeignFiles.Folder, "ckpt.pt");
        _files.AssertRefused(nano, "does not tell its tokenizer, and its 264 ids are not GPT-2's: name it with --tokenizer", null);
        _files.AssertRefused(nano, "has 264 ids and the tokenizer 50,257; the model has no rows for the others", "gpt2");
        File.Copy(Path.Combine(ForeignFiles.Folder, "dtt", "model.pt"), _files["model.pt"]);
        _files.AssertRefused(_files.Path, "config.yaml: the Python DTT writes it beside its model.pt");
        _files.Write("config.yaml", "d_model: 16\n");
        _files.AssertRefused(_files.Path, "config.yaml has no 'n_heads'");
        _files.AssertRefused(Path.Combine(ForeignFiles.Folder, "merges.pkl"), "is no zip file of torch.save");
    }

    [Fact]
    public void Import_OfATorchFileThatWouldRunSomething_RefusesItByName()
    {
        byte[] system = [0x80, 2, .. "cposix\nsystem\n(X"u8, 2, 0, 0, 0, .. "idtR."u8];
        _files.AssertRefused(_files.Torch(("a/data.pkl", system)), "data.pkl, byte 2: it would take 'posix.system'");
        _files.AssertRefused(_files.Torch(("a/data.pkl", [0x80, 2, .. "ctorch.hub\nload\n."u8])), "it would take 'torch.hub.load'");
        _files.AssertRefused(_files.Torch(("a/data.pkl", [0x80, 2, (byte)'N', (byte)'.'])), "holds a model that DTT does not know");
        _files.AssertRefused(_files.Torch(("a/other", [1])), "has not one data.pkl in it");
        _files.AssertRefused(_files.Torch(("a/data.pkl", [1]), ("b/data.pkl", [1])), "has not one data.pkl in it");
        _files.AssertRefused(_files.Torch(("a/data.pkl", [1]), ("a/byteorder", "big"u8.ToArray())), "was saved on a machine of another byte order (big)");
    }

    [Theory]
    [InlineData("storage gone", "lies in 'data/0', which is not there")]
    [InlineData("storage short", "which should have 4,224 values of 4 bytes, and has 100 bytes")]
    [InlineData("shape beyond", "is (264, 17) from value 0 of 'data/0' on, which has 4,224: it reaches beyond its end")]
    [InlineData("offset beyond", "from value 1 of 'data/0' on")]
    [InlineData("strides", "does not lie in one piece")]
    [InlineData("storage of a path", "lies in 'data/../../etc/x', which is not there")]
    [InlineData("number of a name", "a tensor was expected")]
    public void Import_OfTensorsThatLie_IsRefused(string damage, string message)
    {
        var pickle = new TinyPickle();
        pickle.Dictionary("model", () =>
        {
            int[] shape = damage == "shape beyond" ? [264, 17] : [264, 16], stride = damage == "strides" ? [1, 264] : [shape[1], 1];
            if (damage == "number of a name") pickle.Item("transformer.wte.weight", 7);
            else
            {
                var (storage, offset) = (damage == "storage of a path" ? "../../etc/x" : "0", damage == "offset beyond" ? 1 : 0);
                pickle.Tensor("transformer.wte.weight", storage, 4224, offset, shape, stride);
            }
        });
        pickle.Dictionary("model_args", () =>
        {
            (string, int)[] arguments = [("n_layer", 2), ("n_head", 2), ("n_embd", 16), ("block_size", 12), ("vocab_size", 264)];
            foreach (var (key, value) in arguments) pickle.Item(key, value);
        });
        (string, byte[])[] storages = damage == "storage gone" ? [] : [("a/data/0", new byte[damage == "storage short" ? 100 : 4224 * 4])];
        _files.AssertRefused(_files.Torch([("a/data.pkl", pickle.End()), .. storages]), message);
    }

    [Theory]
    [InlineData("n_layer", 1_000_000, "'n_blocks' is 1000000, but must be")]
    [InlineData("n_head", 0, "'n_heads' is 0, but must be")]
    [InlineData("n_head", 3, "'d_model'")]
    [InlineData("vocab_size", 65, "its vocabulary has 65 ids: it is a model of characters")]
    [InlineData("block_size", 13, "'transformer.wpe.weight' is (12, 16), and should be (13, 16)")]
    [InlineData("n_layer", 41, "has no weight for 'transformer.h.40.ln_1.weight'")]
    [InlineData("n_layer", 40, "more than it has bytes for: several of them lie over each other")]
    public void Import_OfAModelThatIsNotThere_IsRefused(string key, int value, string message)
    {
        var model = Tiny.Model("nanogpt") with { VocabSize = 264, NumLayers = 40, MlpDim = 64, ContextLength = 12 };
        var pickle = new TinyPickle();
        pickle.Dictionary("model", () =>
        {
            foreach (var weight in ParameterTable.Of(model))
            {
                int[] shape = [.. weight.Shape.Select(d => (int)d)];
                pickle.Tensor(weight.Name, "0", 4224, 0, shape, shape.Length == 1 ? [1] : [shape[1], 1]); // all in one place
            }
        });
        pickle.Dictionary("model_args", () =>
        {
            (string Key, int Value)[] arguments = [("n_layer", 40), ("n_head", 2), ("n_embd", 16), ("block_size", 12), ("vocab_size", 264)];
            foreach (var argument in arguments) pickle.Item(argument.Key, argument.Key == key ? value : argument.Value);
        });
        _files.AssertRefused(_files.Torch(("a/data.pkl", pickle.End()), ("a/data/0", new byte[4224 * 4])), message);
    }

    [Fact]
    public void Import_OfADamagedTorchFile_IsRefused()
    {
        var whole = File.ReadAllBytes(Path.Combine(ForeignFiles.Folder, "ckpt.pt"));
        _files.AssertRefused(Write(whole[..5000]), "it has no end of a zip file");
        whole[20_000] ^= 1;
        _files.AssertRefused(Write(whole), "does not have its checksum");
        _files.AssertRefused(Write([.. new byte[200]]), "is no zip file of torch.save");
        _files.AssertRefused(Write(BitConverter.GetBytes(20240326), "m.bin"), "a header of llm.c's has 1,024: it is cut short");
        var header = new byte[1024];
        MemoryMarshal.Cast<int, byte>([20240326, 3, 12, 259, 2, 2, 16, 384]).CopyTo(header);
        _files.AssertRefused(Write(header, "m.bin"), "has 1,024 bytes, and its header describes");
        header[4] = 1;
        _files.AssertRefused(Write(header, "m.bin"), "is of llm.c's version 1; DTT reads 3 (fp32) and 5 (bf16)");
        (header[4], header[19]) = (3, 0x7F);
        _files.AssertRefused(Write(header, "m.bin"), "its header describes no model");

        string Write(byte[] bytes, string name = "f.pt")
        {
            File.WriteAllBytes(_files[name], bytes);
            return _files[name];
        }
    }
}
