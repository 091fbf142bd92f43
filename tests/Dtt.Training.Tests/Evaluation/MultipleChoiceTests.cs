using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Tests;
using Dtt.Training.Evaluation;
using Dtt.Training.Model;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Evaluation;

public sealed class MultipleChoiceTests : IDisposable
{
    private static readonly Vocabulary _bytes = new([]);
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Run_AnswersAsEachEndingByItselfDoes(string architecture)
    {
        // Endings of different lengths share a padded batch; some questions are longer than the context of 8.
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture));
        var questions = Enumerable.Range(0, 30).Select(i =>
            new ChoiceQuestion(Ids(2 + i % 9, i), [.. Enumerable.Range(0, 4).Select(e => Ids(1 + (i + e) % 4, 7 * i + e))], i % 4)).ToList();
        var (byMean, bySum) = (0, 0);
        foreach (var question in questions)
        {
            var losses = question.Endings.Select(e => LossesAlone(gpt, question.Context, e)).ToList();
            if (losses.Index().MinBy(l => l.Item.Average()).Index == question.Right) byMean++;
            if (losses.Index().MinBy(l => l.Item.Sum()).Index == question.Right) bySum++;
        }

        var asked = 0;
        var result = new MultipleChoice(questions).Run(gpt, () => asked++);
        Assert.Equal((byMean / 30.0, bySum / 30.0, 30), (result[MetricNames.ChoiceAccuracy], result[MetricNames.ChoiceAccuracyBySum], asked));
        Assert.InRange(byMean, 1, 29);
    }

    [Fact]
    public void Read_TakesHellaSwagsLines()
    {
        var file = _folder.Write("q.jsonl", """
            {"ind": 24, "activity_label": "Roof shingle removal", "ctx": "ab", "endings": ["c", "de"], "label": 1}

            {"ctx": "x", "endings": ["y", "z", "w"], "label": "2"}
            {"ctx": "never", "endings": ["read", "this"], "label": 0}
            """);
        var questions = ChoiceFile.Read(file, 2, _bytes);
        Assert.Equal([1, 2], questions.Select(q => q.Right));
        Assert.Equal(("ab", " de"), (Text(questions[0].Context), Text(questions[0].Endings[1])));
    }

    [Theory]
    [InlineData("{\"ctx\": \"a\", \"endings\": [\"b\", \"c\"], \"label\": 2}", "q.jsonl:1: label 2 is not one of the 2 endings, 0 to 1")]
    [InlineData("{\"ctx\": \"a\", \"endings\": [\"b\"], \"label\": 0}", "q.jsonl:1: a question has a context and at least two endings")]
    [InlineData("{\"ctx\": \"a\", \"label\": 0}", "q.jsonl:1 is not a question in HellaSwag's form")]
    [InlineData("not json", "q.jsonl:1 is not a question in HellaSwag's form")]
    [InlineData("\n", "holds no questions")]
    public void Read_SaysWhichLineIsWrong(string line, string message) =>
        Assert.Contains(message, Assert.Throws<BadDataException>(() => ChoiceFile.Read(_folder.Write("q.jsonl", line), 10, _bytes)).Message);

    private static string Text(IReadOnlyList<int> ids) => System.Text.Encoding.UTF8.GetString(_bytes.Decode(ids));

    private static int[] Ids(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => (5 * i * i + 11 * i + 3 * seed) % Tiny.Vocab)];

    private static float[] LossesAlone(Gpt gpt, int[] context, int[] ending)
    {
        using var scope = NewDisposeScope();
        var row = context.Concat(ending).TakeLast(Tiny.T + 1).Select(i => (long)i).ToArray();
        var logs = nn.functional.log_softmax(gpt.AllLogits(tensor(row[..^1], [1, row.Length - 1])), 2);
        return [.. Enumerable.Range(row.Length - 1 - ending.Length, ending.Length).Select(i => -Number.Of(logs[0, i, row[i + 1]]))];
    }
}
